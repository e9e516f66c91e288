"""Which time a start goes on from: the one written last, whatever the order of boots and notes."""

import pytest

from device.core.clock import Anchor, Stamp
from device.core.kept_time import TAKEN_BACK_MS, KeptTime, last_kept, now_kept
from wire.records import Alarm

T0 = 1_763_890_000_000
A, B, C = "aaaa0000", "bbbb0000", "cccc0000"


def event(boot, up_ms, at_ms=None, clock=None, err_ms=30):
    clock = clock or ("none" if at_ms is None else "gnss")
    head = {"boot": boot, "up_ms": up_ms, "at_ms": at_ms, "clock": clock, "clock_err_ms": err_ms}
    return Alarm(**head, alarm="part", what="x")


def note(boot, up_ms, at_ms, floor_ms=0):
    return KeptTime(boot, up_ms, at_ms, "ntp", 20, floor_ms)


def test_nothing_was_ever_known():
    assert last_kept([], None) is None
    assert last_kept([event(A, 5), event(A, 1)], None) is None
    assert last_kept([event(A, 5, T0, "rtc")], None) is None


def test_the_newest_event_with_a_trusted_time():
    events = [event(B, 7), event(B, 5, T0, "rtc"), event(A, 9, T0 - 5), event(A, 3, T0 - 11)]
    assert last_kept(events, None) == KeptTime(A, 9, T0 - 5, "gnss", 30, T0 - 5)
    assert last_kept(events, None).anchor == Anchor(9, T0 - 5, "gnss", 30)


@pytest.mark.parametrize(
    ("events", "held", "boot"),
    [
        ([event(A, 9, T0)], note(A, 5, T0 - 4), A),
        ([event(A, 9), event(A, 3, T0 - 600)], note(A, 900, T0), A),
        ([event(B, 5), event(A, 9, T0)], note(B, 900, T0 + 9), B),
        ([event(C, 5), event(B, 5), event(A, 9, T0)], note(B, 900, T0 + 9), B),
        ([event(B, 5, T0), event(A, 9)], note(A, 900, T0 - 9), B),
        ([event(C, 5), event(B, 5, T0), event(A, 9)], note(A, 900, T0 - 9), B),
        ([], note(A, 5, T0), A),
        ([event(C, 5)], note(A, 5, T0), A),
    ],
)
def test_a_note_and_the_events_whichever_was_written_later(events, held, boot):
    assert last_kept(events, held).boot == boot
    assert last_kept(events, held).floor_ms == max(
        [e.at_ms for e in events if e.at_ms] + [held.at_ms]
    )


def test_tracks_and_open_fixes_raise_the_floor():
    assert last_kept([event(A, 9, T0)], None, [T0 + 900, T0 - 7]).floor_ms == T0 + 900


def test_a_time_that_was_taken_back_is_no_floor():
    events = [event(A, 9, T0), event(A, 5, T0 + TAKEN_BACK_MS + 1)]
    assert last_kept(events, note(A, 1, T0, T0 + 10**10)).floor_ms == T0


def test_a_time_a_little_beyond_the_last_one_still_bounds_it():
    assert last_kept([event(A, 9, T0), event(A, 5, T0 + 2_000)], None).floor_ms == T0 + 2_000


def test_only_a_trusted_source_makes_a_note():
    assert now_kept(A, 5, Stamp(None, "none", None), 0) is None
    assert now_kept(A, 5, Stamp(T0, "rtc", None), 0) is None
    assert now_kept(A, 5, Stamp(T0, "gw", 2_000), T0 + 7) == KeptTime(A, 5, T0, "gw", 2_000, T0 + 7)
