"""What bounds a boot that never learned the time, on both databases, in any order of arrival."""

import json

import pytest

from gateway.lookup import Wanted, found_records
from gateway.store.times import DRIFT_PPM
from wire.records import Clock, Track

NOW_MS = 1_763_890_000_000
DAY_MS = 86_400_000
BEFORE_MS, AFTER_MS = NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS
LOST = {"at_ms": None, "clock": "none", "clock_err_ms": None}
COLUMNS = {
    "dt_ms": [0], "lat_e7": [0], "lon_e7": [0], "speed_cm_s": [1], "course_ddeg": [1],
    "hacc_dm": [1], "sats": [9],
}  # fmt: skip


def bounds(bench, boot):
    """(earliest, latest) of each record of `boot`, by stream, log and number."""
    rows = {}
    for row in found_records(bench.store, Wanted()):
        if json.loads(bytes(row["record"]))["boot"] == boot:
            rows[row["stream"], row["log"][0], row["seq"]] = (row["earliest_ms"], row["latest_ms"])
    return rows


def drift(up_ms):
    return up_ms * DRIFT_PPM // 10**6


@pytest.fixture
def three_boots(unit_log):
    """A boot with the time, one that never learned it, one that learned it late."""
    log = unit_log()
    log.checkin(boot="aaaa0000", up_ms=5_000, at_ms=BEFORE_MS, clock="gnss", clock_err_ms=300)
    log.checkin(boot="bbbb0000", up_ms=20_000, **LOST)
    log.checkin(boot="bbbb0000", up_ms=80_000, **LOST)
    log.checkin(boot="cccc0000", up_ms=30_000, **LOST)
    fields = {"boot": "cccc0000", "up_ms": 90_000, "at_ms": AFTER_MS + 60_000, "clock_err_ms": 50}
    return log.add(Clock, utc_ms=AFTER_MS + 60_000, source="ntp", err_ms=50, **fields)


EARLIEST = BEFORE_MS - 300
LATEST = AFTER_MS - 30_000 + 50 + drift(30_000)
"""When the third boot can have begun at the latest."""


def test_a_boot_lies_between_its_neighbours(any_bench, three_boots):
    any_bench.take(three_boots.message())
    last = drift(80_000)
    assert bounds(any_bench, "bbbb0000") == {
        ("event", "e", 2): (
            EARLIEST + 20_000 - drift(20_000),
            LATEST - 60_000 + last + drift(20_000),
        ),
        ("event", "e", 3): (EARLIEST + 80_000 - last, LATEST + 2 * last),
    }


def test_a_neighbour_that_comes_late_refines_the_bounds(any_bench, three_boots):
    any_bench.take(three_boots.message(1, 3))
    ((_, by_receipt), _) = bounds(any_bench, "bbbb0000").values()
    assert by_receipt == NOW_MS - 60_000 + drift(80_000) + drift(20_000)
    any_bench.take(three_boots.message(4, 4))
    assert bounds(any_bench, "bbbb0000")["event", "e", 2][1] == by_receipt
    any_bench.take(three_boots.message(5, 5))
    assert bounds(any_bench, "bbbb0000")["event", "e", 3][1] == LATEST + 2 * drift(80_000)


def test_before_the_first_known_time_there_is_only_an_end(any_bench, unit_log):
    any_bench.take(unit_log().checkin(boot="bbbb0000", up_ms=20_000, **LOST).message())
    assert bounds(any_bench, "bbbb0000") == {("event", "e", 1): (None, NOW_MS)}
    (row,) = found_records(any_bench.store, Wanted())
    assert (row["time"], row["timequality"]) == (None, "none")


def test_many_boots_in_a_row_without_the_time(any_bench, unit_log):
    log = unit_log().checkin(boot="aaaa0000", at_ms=BEFORE_MS, clock_err_ms=0)
    for n in range(40):
        log.checkin(boot=f"bbbb00{n:02x}", up_ms=1_000, **LOST)
    log.checkin(boot="cccc0000", up_ms=1_000, at_ms=AFTER_MS, clock="gw", clock_err_ms=2_000)
    any_bench.take(log.message())
    (found,) = bounds(any_bench, "bbbb0010").values()
    assert found == (BEFORE_MS + 1_000, AFTER_MS - 1_000 + 2_000)


def test_both_streams_speak_for_a_boot(any_bench, unit_log):
    """The events know what came before, the tracks what came after; each record has the bounds of its boot."""
    event = unit_log().checkin(boot="aaaa0000", at_ms=BEFORE_MS, clock_err_ms=0)
    event.checkin(boot="bbbb0000", up_ms=10_000, **LOST)
    track = unit_log(stream="track", log="f" * 16)
    fields = {"t0_ms": None, "up0_ms": 1, **COLUMNS}
    track.add(Track, boot="bbbb0000", up_ms=70_000, **LOST, **fields)
    track.add(Track, boot="cccc0000", up_ms=1_000, at_ms=AFTER_MS, clock_err_ms=0, **fields)
    any_bench.take(track.message(), event.message())
    found = bounds(any_bench, "bbbb0000")
    assert found["event", "e", 2] == (
        BEFORE_MS + 10_000, AFTER_MS - 1_000 - 60_000 + drift(70_000),
    )  # fmt: skip
    assert found["track", "f", 1] == (
        BEFORE_MS + 70_000 - drift(70_000), AFTER_MS - 1_000 + 2 * drift(70_000),
    )  # fmt: skip


def test_a_new_log_after_damage_goes_on_from_the_old_one(any_bench, unit_log):
    old = unit_log().checkin(boot="aaaa0000", at_ms=BEFORE_MS, clock_err_ms=0)
    new = unit_log(log="d" * 16).checkin(boot="bbbb0000", up_ms=1_000, **LOST)
    newest = unit_log(log="c" * 16).checkin(boot="cccc0000", up_ms=0, at_ms=AFTER_MS)
    for n, log in enumerate((old, new, newest)):
        any_bench.now_ms = NOW_MS + n
        any_bench.take(log.message())
    assert bounds(any_bench, "bbbb0000") == {
        ("event", "d", 1): (BEFORE_MS + 1_000, AFTER_MS + 30),
    }


def test_logs_that_were_first_seen_together_have_no_order(any_bench, unit_log):
    old = unit_log().checkin(boot="aaaa0000", at_ms=BEFORE_MS)
    new = unit_log(log="d" * 16).checkin(boot="bbbb0000", up_ms=1_000, **LOST)
    any_bench.take(new.message(), old.message())
    assert bounds(any_bench, "bbbb0000") == {("event", "d", 1): (None, NOW_MS)}


def test_a_fork_and_another_unit_are_no_neighbours(any_bench, unit_log):
    log = unit_log().checkin(boot="aaaa0000", up_ms=1, **LOST)
    clone = log.branch(0).checkin("pl-x", boot="cccc0000", at_ms=BEFORE_MS)
    other = unit_log("cp-02", log="d" * 16).checkin(boot="aaaa0000", at_ms=BEFORE_MS)
    log.checkin(boot="bbbb0000", up_ms=1_000, **LOST)
    any_bench.take(other.message())
    any_bench.take(log.message(1, 1))
    any_bench.now_ms += 1
    any_bench.take(clone.message(), log.message(2))
    (found,) = bounds(any_bench, "bbbb0000").values()
    assert found == (None, NOW_MS + 1)


def test_a_record_of_the_same_boot_dates_it_without_an_anchor(any_bench, unit_log):
    """A process that began anew in the same boot did not know what the one before had learned."""
    log = unit_log().checkin(boot="bbbb0000", up_ms=1_000, at_ms=BEFORE_MS, clock_err_ms=70)
    log.checkin(boot="bbbb0000", up_ms=3_000, **LOST)
    any_bench.take(log.message())
    (_, row) = found_records(any_bench.store, Wanted())
    assert (row["earliest_ms"], row["latest_ms"]) == (BEFORE_MS + 1_930, BEFORE_MS + 2_070)
    assert row["timequality"] == "bounded"


def test_nothing_is_claimed_where_neighbours_contradict_each_other(any_bench, unit_log):
    log = unit_log().checkin(boot="aaaa0000", at_ms=AFTER_MS, clock_err_ms=0)
    log.checkin(boot="bbbb0000", up_ms=1_000, **LOST)
    log.checkin(boot="cccc0000", up_ms=1_000, at_ms=BEFORE_MS, clock_err_ms=0)
    any_bench.take(log.message())
    assert bounds(any_bench, "bbbb0000") == {("event", "e", 2): (None, None)}


def test_a_rtc_is_no_neighbour(any_bench, unit_log):
    log = unit_log().checkin(boot="aaaa0000", at_ms=1, clock="rtc", clock_err_ms=None)
    any_bench.take(log.checkin(boot="bbbb0000", up_ms=1_000, **LOST).message())
    assert bounds(any_bench, "bbbb0000") == {("event", "e", 2): (None, NOW_MS)}


def test_the_original_stays_as_it_came(any_bench, three_boots):
    any_bench.take(three_boots.message())
    assert any_bench.kept() == three_boots.raws
