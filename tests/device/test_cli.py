"""The journal's commands, as a person and as a machine calls them."""

import json
from hashlib import sha256

import msgspec
import pytest

import xunkong
from device.journal.journal import Journal
from wire.batch import encode_record
from wire.records import Alarm

CONFIG = """
[unit]
id = "car-1"
role = "vehicle"
[[broker]]
host = "127.0.0.1"
[journal]
path = "journal.db"
"""


def alarm(n):
    return encode_record(
        Alarm(
            boot="9c1b22f0",
            up_ms=n,
            at_ms=None,
            clock="none",
            clock_err_ms=None,
            alarm="part",
            what=f"第 {n} 次",
        )
    )


class Listed(msgspec.Struct):
    """A line of `journal list --json`; `record` as it was written."""

    stream: str
    h: str
    record: msgspec.Raw


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "device.toml"
    path.write_text(CONFIG, "utf-8")
    return path


@pytest.fixture
def journal(config):
    """Three events, two positions; the first event is acknowledged."""
    journal = Journal.open(config.parent / "journal.db")
    for n in range(1, 4):
        journal.append("event", alarm(n))
    for n in (1, 2):
        journal.append("track", b'{"kind":"track","n":%d}' % n)
    journal.acknowledge("event", journal.logs("event")[-1].log, 2, "s")
    journal.sync()
    yield journal
    journal.close()


@pytest.fixture
def call(config, capsys):
    """Calls `xunkong device journal …`; gives exit code, lines on stdout, text on stderr."""

    def run(*words, lang="en", path=config):
        code = xunkong.main(
            ["--lang", lang, "device", "journal", words[0], "--config", str(path), *words[1:]]
        )
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    return run


class TestCheck:
    def check(self, capsys, path, *more):
        code = xunkong.main(["--lang", "en", "device", "check", "--config", str(path), *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    def test_says_which_sections_there_are(self, capsys, config):
        code, out, _ = self.check(capsys, config, "--json")
        told = json.loads(out)
        assert (code, told["unit"], told["role"]) == (0, "car-1", "vehicle")
        assert {"unit", "broker", "journal"} <= {*told["sections"]}
        assert self.check(capsys, config)[1].startswith("car-1 vehicle: unit broker")

    def test_says_what_is_wrong(self, capsys, config):
        config.write_text(config.read_text("utf-8") + "[gps]\nport = 5\n", "utf-8")
        code, _, err = self.check(capsys, config)
        assert code == 2 and "[gps] port" in err


class TestStat:
    def test_for_a_machine(self, call, journal):
        code, (line,), _ = call("stat", "--json")
        stat = json.loads(line)
        assert code == 0
        assert stat["path"] == str(journal.path)
        assert stat["size_bytes"] == journal.size_bytes() > 0
        event, track = stat["logs"]
        assert event == {
            "stream": "event",
            "log": journal.logs("event")[-1].log,
            "oldest": 1,
            "last": 3,
            "acknowledged": 1,
            "waiting": 2,
            "sealed": False,
        }
        assert (track["stream"], track["last"], track["waiting"]) == ("track", 2, 2)

    def test_for_a_person(self, call, journal):
        code, lines, _ = call("stat")
        assert code == 0
        assert lines[0].startswith(f"{journal.path}: ")
        assert "MiB" in lines[0]
        assert "waiting 2" in lines[1]
        assert len(lines) == 3


class TestList:
    def test_for_a_machine(self, call, journal):
        code, lines, _ = call("list", "--json")
        rows = [json.loads(line) for line in lines]
        assert code == 0
        assert [(r["stream"], r["seq"]) for r in rows] == [
            ("event", 1),
            ("event", 2),
            ("event", 3),
            ("track", 1),
            ("track", 2),
        ]
        assert rows[1]["record"]["what"] == "第 2 次"
        assert rows[0]["log"] == journal.logs("event")[-1].log

    def test_whoever_has_the_lines_can_check_the_chain(self, call, journal):
        h = bytes(32)
        rows = [msgspec.json.decode(line, type=Listed) for line in call("list", "--json")[1]]
        events = [row for row in rows if row.stream == "event"]
        for row in events:
            h = sha256(h + bytes(row.record)).digest()
            assert row.h == h.hex()
        assert [bytes(row.record) for row in events] == [alarm(n) for n in (1, 2, 3)]
        assert h == journal.logs("event")[-1].h

    def test_for_a_person(self, call, journal):
        _, lines, _ = call("list")
        assert lines[2] == f"event/{journal.logs('event')[-1].log}/3 {alarm(3).decode()}"


class TestVerify:
    def test_a_sound_journal(self, call, journal):
        assert call("verify") == (0, ["5 records checked, 0 findings"], "")
        code, (line,), _ = call("verify", "--json")
        assert (code, json.loads(line)) == (0, {"checked": 5, "findings": 0})
        assert call("verify", lang="zh")[1] == ["检查了 5 条记录，发现 0 处问题"]
        assert journal.logs("event")[-1].last == 3

    def test_findings_are_told_and_the_exit_code_is_1(self, call, journal):
        log = journal.logs("event")[-1].log
        journal._run(f"""UPDATE "doc:event:{log}" SET body = '' WHERE doc_id = 2""")
        assert call("verify") == (
            1,
            [f"event/{log} 2-2: not what was written", "5 records checked, 1 findings"],
            "",
        )
        code, lines, _ = call("verify", "--json")
        assert code == 1
        assert json.loads(lines[0]) == {
            "stream": "event",
            "log": log,
            "first": 2,
            "last": 2,
            "what": "not what was written",
        }


class TestErrors:
    """Each is exit code 2 and one line that says what to do."""

    @pytest.mark.parametrize("command", ["stat", "list", "verify"])
    def test_no_journal_yet(self, call, command):
        code, out, err = call(command)
        assert (code, out) == (2, [])
        assert err.startswith("xunkong: there is no journal ")
        assert err.count("\n") == 1
        assert "请检查 [journal] path" in call(command, lang="zh")[2]

    def test_no_configuration(self, call, tmp_path):
        code, _, err = call("stat", path=tmp_path / "none.toml")
        assert code == 2
        assert err == (
            f"xunkong: cannot read {tmp_path / 'none.toml'}: No such file or directory; "
            "check the path and its permissions\n"
        )

    def test_a_damaged_journal_is_left_where_it_is(self, call, config):
        path = config.parent / "journal.db"
        path.write_bytes(b"not a database" * 1000)
        code, _, err = call("stat")
        assert code == 2
        assert "the file is damaged; it is set aside when opened again" in err
        assert path.read_bytes() == b"not a database" * 1000

    def test_a_rotten_record_is_named_and_the_others_are_listed(self, call, journal):
        log = journal.logs("event")[-1].log
        journal._run(f"""UPDATE "doc:event:{log}" SET body = '{{' WHERE doc_id = 2""")
        code, lines, err = call("list")
        assert (code, len(lines)) == (1, 4)
        assert f"record 2 of event log {log} is not what was written" in err
        assert "journal verify" in err
