"""`xunkong gateway verify` and `evidence export` through the front door."""

import json

import pytest

import xunkong
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
        assert xk("gateway", "verify", "--config", config, "--roots", events)[0] == 0
        events.write_text(json.dumps(root | {"root": "ab" * 32}))
        code, out, _ = xk("gateway", "verify", "--config", config, "--roots", events)
        assert code == 1
        assert "was forwarded" in out
        events.write_text("not json")
        code, _, err = xk("gateway", "verify", "--config", config, "--roots", events)
        assert code == 2
        assert "JSON lines" in err

    def test_another_sites_authority_proves_nothing(
        self, xk, config, scene, unit_log, tmp_path, keys_folder
    ):
        scene.take(unit_log().grow(3))
        Site("another").lay_gateway_keys(tmp_path / "other")
        config.write_text(config.read_text().replace(str(keys_folder), str(tmp_path / "other")))
        assert xk("gateway", "verify", "--config", config)[0] == 1
