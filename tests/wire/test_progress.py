"""Bars for the steps of one thing: one after another, and none for what is quick or for a script."""

import io

from wire import progress
from wire.progress import Bars, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_after_two_seconds_on_a_terminal_and_taken_away(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr("wire.progress.time.monotonic", lambda: now_s)
    terminal, pipe = Terminal(), io.StringIO()
    bars = [Progress("packing", stream) for stream in (terminal, pipe)]
    for at_s, done in ((101.0, 10), (102.5, 50), (102.6, 51)):
        now_s = at_s
        for bar in bars:
            bar.at(done << 20, 100 << 20)
    assert terminal.getvalue().count("packing") == 1
    assert f"[{'#' * 15}{'.' * 15}]  50%  50/100 MiB" in terminal.getvalue()
    now_s = 103.0
    bars[0].at(7 << 20, None)
    assert terminal.getvalue().endswith("packing 7 MiB")
    bars[0].end()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


def test_a_bar_for_each_step_one_after_another(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    bars = Bars({"copy": ("copying", 10, "x"), "records": ("records", 1, "")})
    bars.at("copy", 50, 100)
    bars.at("records", 1, 4)
    bars.end()
    copying, records = terminal.getvalue().split("\r\x1b[Krecords")
    assert "copying [" in copying and "5/10 x" in copying and copying.endswith("\r\x1b[K")
    assert "25%" in records and records.endswith("\r\x1b[K")


def test_nothing_begun_nothing_ended():
    Bars({}).end()
