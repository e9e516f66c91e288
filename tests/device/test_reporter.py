"""What an order asks for is made beside the loop: a self-test, and logs by a helper that may read them."""

import json
from queue import Queue
from threading import Thread

import msgspec
import pytest

import xunkong
from device.config import load
from device.core.effects import MakeReport
from device.reporter import REPORT, WISH, Reporter, leave_wish
from sim.city import wait_for
from wire.report import LogsWanted, unpacked

CONFIG = """
[unit]
id = "cp-01"
role = "checkpoint"
[[broker]]
host = "127.0.0.1"
[journal]
path = "journal.db"
[nfc]
port = "nfc"
[report]
keep = "report"
"""
WAIT_S = 60


@pytest.fixture
def box(tmp_path):
    (tmp_path / "device.toml").write_text(CONFIG.replace('"report"', f'"{tmp_path}/report"'))
    (tmp_path / "report").mkdir()
    return tmp_path


@pytest.fixture
def made(box):
    """Makes a report; gives what reached the inbox."""
    inbox = Queue()
    reporter = Reporter(box / "device.toml", load(box / "device.toml"), inbox.put)

    def make(what, text=None, parts=()):
        reporter.make(MakeReport("o-1", what, text, parts))
        return inbox.get(timeout=WAIT_S)

    return make


@pytest.fixture
def journalctl(box):
    """A stand-in for systemd's own, which says what it was asked and then its lines, the newest first."""

    def write(lines):
        path = box / "journalctl"
        said = "".join(f"echo '{line}'\n" for line in lines)
        path.write_text(f'#!/bin/sh\n{said}for one; do echo "$one"; done\n')
        path.chmod(0o755)
        return str(path)

    return write


def helper(box, program):
    command = ["device", "logs", "--keep", str(box / "report"), "--journalctl", program]
    return xunkong.main(command)


class TestSelftest:
    def test_parts_by_their_own_words(self, made):
        report = made("selftest", None, (("nfc", "ok"), ("camera", "silent")))
        found = [json.loads(line) for line in unpacked(report.data).splitlines()]
        verdicts = {one["part"]: one["verdict"] for one in found}
        assert verdicts["nfc"] == "ok"
        assert verdicts["camera"] == "fault"
        assert {"journal", "clock", "cpu", "link"} <= verdicts.keys()
        assert report.says.startswith("NOT fit for duty")
        assert "camera" in report.says

    def test_a_part_that_has_said_nothing_was_not_tried(self, made):
        found = [json.loads(line) for line in unpacked(made("selftest").data).splitlines()]
        assert {one["part"]: one["verdict"] for one in found}["nfc"] == "untried"


class TestLogs:
    def test_the_helper_reads_what_is_wished(self, box, journalctl):
        leave_wish(box / "report", LogsWanted("kernel", 7, 1_795_392_000_000))
        assert helper(box, journalctl(["newest", "older"])) == 0
        *asked, older, newest = unpacked((box / "report" / REPORT).read_bytes()).splitlines()
        assert (older, newest) == (b"older", b"newest")
        assert {b"--lines=7", b"--dmesg", b"--since=2026-11-23 00:00:00 UTC"} <= set(asked)
        assert not (box / "report" / WISH).exists()

    def test_the_unit_finds_it_there(self, box, made, journalctl):
        program = journalctl(["a line"])

        def answer():
            assert wait_for((box / "report" / WISH).exists, WAIT_S)
            helper(box, program)

        thread = Thread(target=answer)
        thread.start()
        report = made("logs", msgspec.json.encode(LogsWanted("device", 5)).decode())
        thread.join(WAIT_S)
        assert b"a line" in unpacked(report.data)
        assert report.says.startswith("logs of device")

    def test_without_a_helper_it_says_so(self, box, made, monkeypatch):
        monkeypatch.setattr("device.reporter.HELPER_S", 0.0)
        report = made("logs")
        assert report.data is None
        assert "the helper that reads logs does not answer" in report.says
        (box / "report").rmdir()
        assert "provision it anew" in made("logs").says

    def test_an_order_that_asks_for_something_else(self, made):
        report = made("logs", '{"of":"shadow"}')
        assert report.data is None
        assert "shadow" in report.says

    @pytest.mark.parametrize("text", [b"{", b'{"of":"../x"}', b"\xff", b"x" * 10_000])
    def test_a_bad_wish_is_gone_and_reads_nothing(self, box, journalctl, text, capsys):
        (box / "report" / WISH).write_bytes(text)
        assert helper(box, journalctl([])) == 2
        assert "cannot read the logs" in capsys.readouterr().err
        assert list((box / "report").iterdir()) == []

    def test_a_wish_that_is_a_link_leads_nowhere(self, box, journalctl):
        (box / "secret").write_text('{"lines":3}')
        (box / "report" / WISH).symlink_to(box / "secret")
        assert helper(box, journalctl([])) == 2
        assert (box / "secret").exists()
