"""`xunkong gateway verify` and `evidence export` through the front door."""

import json
import zipfile

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import xunkong
from gateway.fleet.certificates import Issuer, Revoked, revocation_list
from tests.gateway.evidence.conftest import NOW_MS
from tests.keys import Site


@pytest.fixture
def config(scene, sqlite_url, keys_folder, tmp_path):
    """The configuration of the scene's gateway."""
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'[[broker]]\nhost = "127.0.0.1"\n[store]\nurl = "{sqlite_url}"\n'
        f'[keys]\nfolder = "{keys_folder}"\n[photos]\npath = "{scene.folder}"\n'
    )
    return path


@pytest.fixture
def xk(capsys):
    """Runs a command; gives its exit code, and what it said on stdout and stderr."""

    def run(*args, language="en"):
        code = xunkong.main(["--lang", language, *map(str, args)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


class TestVerify:
    def test_for_people_it_is_one_line_when_all_is_proven(self, xk, config, scene, unit_log):
        scene.take(unit_log().grow(3))
        scene.close_day()
        code, out, _ = xk("gateway", "verify", "--config", config)
        assert code == 0
        assert out.startswith(
            "all proven: 2 logs, 4/4 records, 0/0 photos, 1 daily roots; 2025-11-23 "
        )
        _, out, _ = xk("gateway", "verify", "--config", config, language="zh")
        assert out.startswith("全部证实：2 个日志，4/4 条记录")

    def test_what_is_not_proven_is_named_and_the_exit_code_says_so(
        self, xk, config, scene, unit_log
    ):
        scene.take(unit_log().grow(3))
        scene.change("records", {"seq": 2}, raw=b"{}")
        code, out, _ = xk("gateway", "verify", "--config", config)
        assert code == 1
        where = f"cp-01/event/{'e' * 16}/2"
        assert out.splitlines()[0] == f"{where}: its bytes were changed, swapped or replaced"
        assert "NOT proven" in out
        code, out, _ = xk("gateway", "verify", "--config", config, "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        assert rows[0] == {
            "row": "finding", "what": "changed", "where": where[:-2], "why": "", "first": 2, "last": 2,
        }  # fmt: skip
        assert [row["row"] for row in rows] == ["finding", "finding", "log", "total"]

    def test_roots_as_a_platform_has_them(self, xk, config, scene, unit_log, tmp_path):
        scene.take(unit_log().grow(3))
        scene.close_day()
        root = json.loads(scene.rows("records", unit="gw")[0]["raw"])
        events = tmp_path / "events.jsonl"
        events.write_text(
            json.dumps({"id": "1", "data": root}) + "\n" + json.dumps({"kind": "boot"})
        )
        code, out, _ = xk("gateway", "verify", "--config", config, "--roots", events)
        assert code == 0
        assert "1 daily roots (1 compared with those given)" in out
        events.write_text(json.dumps(root | {"root": "ab" * 32}))
        code, out, _ = xk("gateway", "verify", "--config", config, "--roots", events)
        assert code == 1
        assert "was forwarded" in out
        events.write_text("not json")
        code, _, err = xk("gateway", "verify", "--config", config, "--roots", events)
        assert code == 2
        assert "JSON lines" in err

    def test_a_unit_that_nobody_knows(self, xk, config, scene, unit_log):
        scene.take(unit_log().grow(3))
        code, out, err = xk("gateway", "verify", "--config", config, "--unit", "nobody")
        assert (code, out) == (2, "")
        assert "nothing of a unit nobody is here" in err

    def test_another_sites_authority_proves_nothing(
        self, xk, config, scene, unit_log, tmp_path, keys_folder
    ):
        scene.take(unit_log().grow(3))
        Site("another").lay_gateway_keys(tmp_path / "other")
        config.write_text(config.read_text().replace(str(keys_folder), str(tmp_path / "other")))
        assert xk("gateway", "verify", "--config", config)[0] == 1


class TestBundle:
    @pytest.fixture
    def case(self, xk, config, scene, unit_log, tmp_path):
        """A bundle that was exported by the command, and the authority beside it."""
        log = unit_log().grow(3)
        scene.take(log)
        scene.photo(log)
        scene.close_day()
        path = tmp_path / "case.zip"
        asked = ("--unit", "cp-01", "--from", "2025-11-23T17:26", "--to", "2025-11-23T17:27")
        code, out, _ = xk(
            "gateway", "evidence", "export", "--config", config, *asked, path, "--json"
        )
        assert code == 0
        said = json.loads(out)
        assert (said["records"], said["photos"], said["days"]) == (5, 1, 1)
        (tmp_path / "ca.crt").write_bytes(scene.site.pem)
        return path

    def test_it_is_checked_elsewhere_with_the_authority_alone(self, xk, case, tmp_path):
        code, out, _ = xk("evidence", "check", case, "--ca", tmp_path / "ca.crt")
        assert (code, out.splitlines()[-1][:57]) == (
            0, "all proven: 5/5 records, 1/1 photos, 1 daily roots; made ",
        )  # fmt: skip
        code, out, _ = xk("evidence", "check", case, "--ca", tmp_path / "ca.crt", language="zh")
        assert out.startswith("全部证实：5/5 条记录，1/1 张照片")
        code, out, _ = xk("evidence", "check", case, "--ca", tmp_path / "ca.crt", "--json")
        assert json.loads(out.splitlines()[-1])["unproven"] == 0

    def test_without_it_the_fingerprint_is_told_and_nothing_counts(self, xk, case, scene):
        code, out, _ = xk("evidence", "check", case)
        assert code == 1
        assert scene.site.authority.fingerprint in out

    def test_what_is_wrong_is_a_line_and_an_exit_code(self, xk, case, tmp_path):
        case.write_bytes(case.read_bytes()[:-40])
        code, out, err = xk("evidence", "check", case, "--ca", tmp_path / "ca.crt")
        assert (code, err) == (1, "")
        assert out.startswith("case.zip: the bundle does not hold (it is no whole zip file")
        code, _, err = xk("evidence", "check", case, "--ca", case)
        assert code == 2
        assert "cannot use the CA certificate" in err

    def test_what_is_revoked_by_now(self, xk, case, scene, tmp_path):
        site, crl = scene.site, tmp_path / "crl.pem"
        issuer = Issuer(site.key, site.x509)
        asked = ("evidence", "check", case, "--ca", tmp_path / "ca.crt", "--crl", crl)
        for out, expected in (([], 0), ([Revoked(scene.keys.certificate.serial, NOW_MS)], 1)):
            crl.write_bytes(revocation_list(issuer, out, 1).public_bytes(Encoding.PEM))
            code, said, _ = xk(*asked)
            assert (code, "was revoked" in said) == (expected, bool(expected))
        other = Site("another")
        foreign = revocation_list(Issuer(other.key, other.x509), [], 1)
        for wrong in (foreign.public_bytes(Encoding.PEM), b"", b"no list"):
            crl.write_bytes(wrong)
            code, _, err = xk(*asked)
            assert code == 2
            assert "cannot use the list" in err
        assert "--crl needs --ca" in xk("evidence", "check", case, "--crl", crl)[2]

    def test_no_file_is_a_mistake_of_the_caller(self, xk, tmp_path):
        code, out, err = xk("evidence", "check", tmp_path / "nonexistent.zip")
        assert (code, out) == (2, "")
        assert "nonexistent.zip: No such file or directory; check the path" in err

    def test_what_a_terminal_would_obey_is_not_printed(self, xk, case, tmp_path):
        with zipfile.ZipFile(case, "a") as file:
            file.writestr("\x1b[2Jall proven", b"")
        code, out, _ = xk("evidence", "check", case, "--ca", tmp_path / "ca.crt")
        assert code == 1
        assert out.startswith("\ufffd[2Jall proven: the bundle does not hold")

    def test_roots_are_compared_and_counted(self, xk, case, scene, tmp_path):
        root = json.loads(scene.rows("records", unit="gw")[0]["raw"])
        roots = tmp_path / "roots.jsonl"
        asked = ("evidence", "check", case, "--ca", tmp_path / "ca.crt", "--roots", roots)
        roots.write_text(json.dumps({"record": root}))
        code, out, _ = xk(*asked)
        assert code == 0
        assert "1 daily roots (1 compared with those given)" in out
        roots.write_text(json.dumps({"record": root | {"root": "ab" * 32}}))
        assert xk(*asked)[0] == 1
        roots.write_text("")
        code, _, err = xk(*asked)
        assert code == 2
        assert "no root record is in" in err

    def test_times_without_a_unit_are_refused(self, xk, config, tmp_path):
        asked = ("--from", "2025-11-23T17:26", tmp_path / "case.zip")
        code, _, err = xk("gateway", "evidence", "export", "--config", config, *asked)
        assert (code, err) == (2, "xunkong: --from and --to need --unit\n")

    def test_the_checker_needs_nothing_of_the_gateways(self, case, tmp_path):
        import subprocess
        import sys

        program = (
            "import sys; sys.modules.update({name: None for name in ('sqlalchemy', 'gateway', 'device', 'paho')});"
            "import xunkong; sys.exit(xunkong.main(sys.argv[1:]))"
        )
        command = [
            sys.executable,
            "-c",
            program,
            "evidence",
            "check",
            case,
            "--ca",
            tmp_path / "ca.crt",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
