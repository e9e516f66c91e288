"""The threads that look at board and modem: they put what they saw, and stop whatever they wait for."""

import queue
import threading

import pytest

from device.core import events as ev
from device.health import Rounds, measured, modem_said
from hardware.board.readings import BoardReading, Counted
from hardware.modem.meaning import ModemReading

WAIT_S = 20


def test_it_looks_at_once_and_again():
    seen = queue.Queue()
    rounds = Rounds("test", 0.01, ev.Tick, seen.put)
    rounds.start()
    assert [seen.get(timeout=WAIT_S) for _ in range(3)] == [ev.Tick()] * 3
    rounds.stop()


@pytest.mark.timeout(60)
def test_a_look_that_hangs_does_not_hold_up_the_stop_and_puts_nothing_after_it():
    asked, answered, seen = threading.Event(), threading.Event(), []

    def look():
        asked.set()
        answered.wait()
        return ev.Tick()

    rounds = Rounds("test", 0.01, look, seen.append)
    rounds.start()
    assert asked.wait(WAIT_S)
    rounds.stop()
    answered.set()
    (thread,) = [t for t in threading.enumerate() if t.name == "test"] or [threading.Thread()]
    if thread.ident:
        thread.join(WAIT_S)
    assert seen == []


def test_the_boards_gauges_are_taken_over_whole():
    found = BoardReading(51.0, 0x50005, 900, 41, 300, Counted("card 1", 7))
    assert measured(found, {"gps": 5}) == ev.Measured(
        51.0, 900, 41, 0x50005, 300, ("card 1", 7), {"gps": 5}
    )
    assert measured(BoardReading(), {}) == ev.Measured(None, None, None)


def test_a_bearer_is_another_one_after_a_reboot_though_it_has_the_same_path():
    found = ModemReading("ok", "CMCC", "lte", -97.0, 70, "/Bearer/1", 3, 4)
    said = modem_said(found, "9c1b22f0")
    assert said == ev.ModemSaid("ok", "CMCC", "lte", -97.0, 70, "9c1b22f0 /Bearer/1", 3, 4)
    assert modem_said(found, "00000000").session != said.session
    assert modem_said(ModemReading("no modem"), "9c1b22f0").session is None
