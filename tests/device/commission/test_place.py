"""The place is the fixes' median; one by hand is held against it."""

import pytest
from msgspec import json

from device.commission.place import by_hand, judge_place, kept_fixes, placed
from device.journal.journal import Journal
from wire.batch import encode_record
from wire.records import Track
from wire.track import TrackFix, columns
from wire.words import Fault

LAT, LON = 27.2418, 111.4725
METRE = 1 / 111_320


def fixes(*north_m, sats=9):
    return [
        TrackFix(None, 1000 * n, LAT + metres * METRE, LON, sats=sats)
        for n, metres in enumerate(north_m)
    ]


def verdicts(seen, given=None):
    return {one.part: one.verdict for one in judge_place(seen, given)}


def test_one_outlier_moves_nothing():
    found = placed(fixes(0, 1, -1, 0.5, 200))
    assert found.lat == pytest.approx(LAT + 0.5 * METRE)
    assert (found.fixes, found.sats, found.spread_m) == (5, 9, 199.5)


def test_the_spread_leaves_one_in_twenty_out():
    found = placed(fixes(*([0] * 38 + [100, 100])))
    assert found.spread_m == 0


def test_without_fixes_there_is_no_place():
    assert placed([]) is None
    assert verdicts(None) == {"position": "fault"}


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (fixes(0, 1, 2), "ok"),
        (fixes(0, 1, 2, sats=None), "ok"),
        (fixes(0, 1), "warning"),
        (fixes(0, 40, -40), "warning"),
        (fixes(0, 1, 2, sats=4), "warning"),
    ],
)
def test_how_good_a_place_is(seen, verdict):
    assert verdicts(placed(seen)) == {"position": verdict}


@pytest.mark.parametrize(
    ("metres", "verdict", "remedy"),
    [(20, "ok", None), (500, "fault", "GCJ-02"), (5_000, "fault", "the figures of --at")],
)
def test_one_by_hand_beside_it(metres, verdict, remedy):
    given = by_hand(f"{LAT + metres * METRE},{LON}")
    _, found = judge_place(placed(fixes(0, 1, 2)), given)
    assert found.verdict == verdict
    assert remedy is None or remedy in found.remedy.en


def test_one_by_hand_alone():
    given = by_hand(" 27.2418 ，111.4725")
    assert (given.shown, verdicts(None, given)) == ("27.241800,111.472500", {"position": "ok"})


@pytest.mark.parametrize("text", ["", "27.2", "91,0", "0,181", "0,0", "27;111", "nan,1"])
def test_what_is_no_position(text):
    with pytest.raises(Fault, match="give LAT,LON"):
        by_hand(text)


def test_what_a_running_unit_kept_of_late(tmp_path):
    journal = Journal.open(tmp_path / "journal.db")
    kept = [TrackFix(None, up_ms, LAT, LON) for up_ms in (300_000, 900_000)]
    for boot in ("b0000001", "b0000002"):
        head = {
            "boot": boot,
            "up_ms": 900_000,
            "at_ms": None,
            "clock": "none",
            "clock_err_ms": None,
        }
        track = Track(**head, t0_ms=None, up0_ms=300_000, **columns(kept))
        journal.append_segment(encode_record(track))
    journal.keep_fix(json.encode(TrackFix(None, 1_000_000, LAT, LON)))
    found = kept_fixes(journal, "b0000002", 1_000_500)
    journal.close()
    assert [fix.up_ms for fix in found] == [900_000, 1_000_000]
