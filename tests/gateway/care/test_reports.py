"""`xunkong fleet logs|selftest`: what a unit sent, as it is printed; nothing of it is believed."""

import json
import time
import zlib

import msgspec
import pytest

from gateway.orders import listed
from gateway.store.schema import reports
from wire.report import LogsWanted, packed

GOOD = {"part": "nfc", "verdict": "ok", "what": "ok", "what_zh": "正常", "remedy": None}
BAD = {"part": "gps", "verdict": "fault", "what": "silent", "what_zh": "无声", "remedy": "look at the cable",
       "remedy_zh": "检查电缆"}  # fmt: skip


@pytest.fixture
def sends(site, answering, monkeypatch):
    """Any order is answered with this report."""

    def send(data, total=None):
        def reply(order):
            row = {"order_id": order.id, "unit": order.unit, "data": data, "begun_ms": 1}
            with site[1].changing() as connection:
                connection.execute(reports.insert().values(**row, total=total or len(data)))
            return [{"outcome": "received"}, {"outcome": "done", "why": "so it is"}]

        answering(monkeypatch, reply)

    return send


def asked(site):
    (order,) = listed(site[1])
    return msgspec.json.decode(order.text, type=LogsWanted)


class TestLogs:
    def test_lines_without_what_a_terminal_would_obey(self, typed, sends):
        sends(packed("12:00 up\n12:01 \x1b[2Jhidden\r\n12:02 好".encode()))
        code, out, _ = typed("logs", "cp-01")
        assert code == 0
        assert out.splitlines() == ["12:00 up", "12:01 \ufffd[2Jhidden\ufffd", "12:02 好"]

    def test_for_machines(self, rows, sends):
        sends(packed(b"one\ntwo"))
        assert [row["line"] for row in rows("logs", "cp-01")] == ["one", "two"]

    def test_what_is_asked(self, site, typed):
        words = ("--lines", "7", "--since", "2h", "--unit-service", "kernel", "--no-wait")
        assert typed("logs", "cp-01", *words)[0] == 0
        wanted = asked(site)
        assert (wanted.of, wanted.lines) == ("kernel", 7)
        assert 7_190 < time.time() - wanted.since_ms / 1000 < 7_300

    def test_since_a_moment_of_the_site_s(self, site, typed):
        typed("logs", "cp-01", "--since", "2026-11-23T08:00", "--no-wait")
        assert asked(site).since_ms == 1_795_392_000_000

    @pytest.mark.parametrize(
        ("data", "total", "said"),
        [
            (b"no zlib", None, "cannot be read"),
            (zlib.compress(bytes(5_000_000)), None, "cannot be read"),
            (packed(b"half"), 1_000, "not here whole"),
        ],
    )
    def test_a_report_that_is_none(self, typed, sends, data, total, said):
        sends(data, total)
        code, out, err = typed("logs", "cp-01")
        assert (code, out) == (2, "")
        assert said in err

    def test_why_there_is_none(self, typed, answering, monkeypatch):
        answering(monkeypatch, lambda o: [{"outcome": "failed", "why": "no helper"}])
        code, out, _ = typed("logs", "cp-01")
        assert (code, out) == (1, "cp-01: failed: no helper\n")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--lines", "0"), "--lines 0: give 1 to"),
            (("--since", "soon"), "--since 'soon' is no time"),
            (("--since", "tomorrow"), "2026-11-23T08:00, or for so long: 30m, 2h, 1d"),
        ],
    )
    def test_what_is_wrong(self, site, typed, words, said):
        assert said in typed("logs", "cp-01", *words)[2]
        assert listed(site[1]) == []


class TestSelftest:
    def findings(self, *found):
        return packed("\n".join(json.dumps(one) for one in found).encode())

    def test_fit(self, typed, rows, sends):
        sends(self.findings(GOOD))
        code, out, _ = typed("selftest", "cp-01")
        assert (code, out.splitlines()[-1]) == (0, "cp-01: fit for duty")
        assert rows("selftest", "cp-01")[-1] == {"unit": "cp-01", "fit": True}

    def test_not_fit_and_what_to_do(self, typed, sends):
        sends(self.findings(GOOD, BAD))
        code, out, _ = typed("selftest", "cp-01")
        assert code == 1
        assert "gps              FAULT    silent" in out
        assert "→ look at the cable" in out
        assert "检查电缆" in typed("selftest", "cp-01", language="zh")[1]

    @pytest.mark.parametrize(
        "text", [b"", b"\x1b[2Jnot json", b'{"part":"x","verdict":"splendid","what":"?"}', b"[1]"]
    )
    def test_what_is_no_finding_makes_nobody_fit(self, typed, sends, text):
        sends(packed(text))
        code, out, _ = typed("selftest", "cp-01")
        assert (code, "\x1b" in out) == (1, False)
