"""From fixes to track records: sampled, gathered, closed, brought onto the medium; and what a turn keeps."""

from itertools import pairwise

import msgspec
import pytest

from device.core import effects as ef
from device.core import events as ev
from wire.limits import MAX_FIXES
from wire.records import Track
from wire.track import TrackFix, unfold


def segments(unit):
    return [list(unfold(record)) for record in unit.kept(Track)]


def kept_fixes(unit):
    return [effect.fix for effect in unit.effects if isinstance(effect, ef.KeepFix)]


@pytest.fixture
def driving(vehicle):
    """A vehicle that has GNSS time and is under way, with its first segment behind it."""
    vehicle.drive(2, lat=26.0)
    vehicle.clock("gnss")
    vehicle.lat = vehicle.drive(130, lat=26.0)
    vehicle.journal.records.clear()
    vehicle.effects.clear()
    return vehicle


class TestMoving:
    def test_sixty_fixes_are_one_segment(self, driving):
        driving.drive(2 * MAX_FIXES, lat=driving.lat)
        assert [len(fixes) for fixes in segments(driving)] == [MAX_FIXES, MAX_FIXES]

    def test_one_fix_a_second_is_kept_of_a_fast_receiver(self, driving):
        driving.drive(10, lat=driving.lat, per_s=5)
        assert len(kept_fixes(driving)) == 10

    def test_a_tunnel_does_not_close_a_segment_before_two_minutes(self, driving):
        while not segments(driving):
            driving.lat = driving.drive(1, lat=driving.lat)
        driving.lat = driving.drive(20, lat=driving.lat)
        driving.wait(60_000, step_ms=1_000)
        driving.drive(20, lat=driving.lat + 600 / 111_320)
        assert len(segments(driving)) == 1
        driving.wait(21_000, step_ms=1_000)
        fixes = segments(driving)[-1]
        assert fixes[-1].up_ms - fixes[0].up_ms == 99_000

    def test_every_fix_of_a_segment_was_kept_before_and_says_the_same(self, driving):
        driving.drive(120, lat=driving.lat)
        last = segments(driving)[-1]
        stored = {fix.at_ms: fix for fix in kept_fixes(driving)}
        assert len(last) == MAX_FIXES
        for fix in last:
            assert fix.lat == pytest.approx(stored[fix.at_ms].lat, abs=1e-7)

    def test_it_is_brought_onto_the_medium_within_ten_seconds(self, driving):
        start_ms = driving.up_ms
        synced = []
        for _ in range(30):
            driving.effects.clear()
            driving.lat = driving.drive(1, lat=driving.lat)
            synced += [driving.up_ms] * any(isinstance(e, ef.Sync) for e in driving.effects)
        gaps = [b - a for a, b in pairwise([start_ms, *synced])]
        assert len(synced) >= 3
        assert max(gaps) < 10_000


class TestCorner:
    @pytest.mark.parametrize("turn_deg", [25.0, -90.0, 180.0])
    def test_a_turn_keeps_itself_and_the_fix_before_it(self, driving, turn_deg):
        driving.drive(5, lat=driving.lat, per_s=5)
        driving.effects.clear()
        lat, before_ms = driving.lat + 50 / 111_320, driving.up_ms + 200
        driving.fix(before_ms, lat=lat, speed_m_s=10.0, course_deg=0.0)
        assert kept_fixes(driving) == []
        driving.fix(before_ms + 200, lat=lat, speed_m_s=10.0, course_deg=turn_deg % 360)
        assert [fix.up_ms for fix in kept_fixes(driving)] == [before_ms, before_ms + 200]

    def test_straight_on_through_north_is_no_turn(self, driving):
        driving.drive(5, lat=driving.lat, per_s=5)
        driving.effects.clear()
        lat = driving.lat + 50 / 111_320
        driving.fix(driving.up_ms + 200, lat=lat, speed_m_s=10.0, course_deg=355.0)
        assert kept_fixes(driving) == []

    def test_a_course_at_walking_noise_is_no_turn(self, driving):
        driving.drive(5, lat=driving.lat, per_s=5)
        driving.effects.clear()
        lat = driving.lat + 50 / 111_320
        driving.fix(driving.up_ms + 200, lat=lat, speed_m_s=1.0, course_deg=90.0)
        assert kept_fixes(driving) == []


class TestRest:
    def park(self, unit, seconds, wobble_m=3.0):
        for n in range(seconds):
            lat = 27.0 + (n % 2) * wobble_m / 111_320
            unit.fix(unit.up_ms + 1_000, lat=lat, speed_m_s=0.3, course_deg=n * 40 % 360)

    def test_standing_still_keeps_one_a_minute_whatever_the_noise(self, vehicle):
        vehicle.clock("gnss")
        self.park(vehicle, 600)
        assert len(kept_fixes(vehicle)) == 10

    def test_noise_that_the_receiver_admits_is_no_drive(self, vehicle):
        vehicle.clock("gnss")
        for n in range(300):
            vehicle.fix(vehicle.up_ms + 1_000, lat=27.0 + (n % 2) * 40 / 111_320, hacc_m=25.0)
        assert len(kept_fixes(vehicle)) == 5

    def test_a_segment_at_rest_is_closed_after_ten_minutes(self, vehicle):
        vehicle.clock("gnss")
        self.park(vehicle, 599)
        assert segments(vehicle) == []
        self.park(vehicle, 30)
        assert [len(fixes) for fixes in segments(vehicle)] == [11]

    def test_without_fixes_an_open_segment_is_closed_all_the_same(self, vehicle):
        vehicle.clock("gnss")
        vehicle.fix(5_000)
        vehicle.wait(600_000, step_ms=1_000)
        assert [len(fixes) for fixes in segments(vehicle)] == [1]

    def test_a_checkpoint_keeps_no_track(self, checkpoint):
        checkpoint.drive(100)
        assert kept_fixes(checkpoint) == []
        assert segments(checkpoint) == []


class TestTime:
    def test_without_a_clock_fixes_are_dated_by_the_boot_alone(self, make_unit):
        unit = make_unit("vehicle")
        unit.drive(70, clock_ok=False)
        (record,) = unit.kept(Track)[:1]
        assert (record.t0_ms, record.at_ms, record.up0_ms) == (None, None, 2_000)
        assert {fix.at_ms for fix in unfold(record)} == {None}

    def test_a_fix_without_time_is_dated_by_the_clock_held(self, driving, utc0):
        driving.lat = driving.drive(70, lat=driving.lat, clock_ok=False, utc_ms=0)
        for fix in kept_fixes(driving):
            assert fix.at_ms == utc0 + fix.up_ms

    def test_learning_the_time_begins_a_new_segment(self, make_unit):
        unit = make_unit("vehicle")
        lat = unit.drive(5, clock_ok=False)
        unit.clock("ntp")
        unit.drive(5, lat=lat, clock_ok=False)
        unit._perform(unit.agent.stop(unit.now))
        none, known = segments(unit)
        assert {fix.at_ms for fix in none} == {None}
        assert None not in {fix.at_ms for fix in known}

    @pytest.mark.parametrize("wrong_ms", [10**10, -(10**10), 315_964_800_000 - 1_763_890_000_000])
    def test_one_fix_from_another_time_does_not_date_the_track(self, driving, utc0, wrong_ms):
        driving.drive(1, lat=driving.lat, utc_ms=utc0 + driving.up_ms + wrong_ms)
        (fix,) = kept_fixes(driving)
        assert fix.at_ms == utc0 + driving.up_ms

    def test_a_receiver_that_reports_1980_dates_nothing(self, make_unit):
        unit = make_unit("vehicle")
        unit.drive(5, utc_ms=315_964_800_000)
        assert {fix.at_ms for fix in kept_fixes(unit)} == {None}


class TestRestart:
    def test_the_open_segment_of_the_run_before_is_closed_first(self, make_unit, utc0):
        fixes = tuple(TrackFix(utc0 + n * 1_000, n * 1_000, 27.0, 111.0) for n in range(7))
        unit = make_unit("vehicle", open_fixes=fixes)
        assert segments(unit) == [list(fixes)]

    def test_one_of_another_boot_is_dated_by_that_boot_alone(self, make_unit):
        fixes = tuple(TrackFix(None, 90_000 + n * 1_000, 27.0, 111.0) for n in range(3))
        unit = make_unit("vehicle", open_fixes=fixes, open_boot="0ldb0075")
        (track,) = [record for record in unit.journal.records if record.boot == "0ldb0075"]
        assert (track.up_ms, track.at_ms, track.clock, track.pos) == (92_000, None, "none", None)

    def test_a_clean_stop_closes_and_syncs(self, driving):
        driving.drive(5, lat=driving.lat)
        driving.effects.clear()
        driving._perform(driving.agent.stop(driving.now))
        assert [type(effect) for effect in driving.effects] == [ef.CloseSegment, ef.Sync]
        assert driving.journal.fixes == []


@pytest.mark.parametrize("brought", ["synced", "event"])
def test_a_segment_leaves_only_when_it_is_on_the_medium(vehicle, brought):
    vehicle.link()
    vehicle.gateway_has("event", 1)
    vehicle.gateway_has("track", 1)
    vehicle.effects.clear()
    vehicle.happen(vehicle.journal.append("track", vehicle.journal.records[0]))
    vehicle.wait(3_000)
    assert [e for e in vehicle.effects if isinstance(e, ef.SendBatch)] == []
    if brought == "event":
        vehicle.tap()
    else:
        vehicle.happen(ev.Synced("f" * 16, 1))
    sent = [e for e in vehicle.effects if isinstance(e, ef.SendBatch) and e.stream == "track"]
    assert [(e.log, e.first) for e in sent] == [("f" * 16, 1)]


def test_the_columns_of_a_real_segment_fit_the_contract(driving):
    driving.drive(60, lat=driving.lat, hacc_m=2.1, sats=9)
    for record in driving.kept(Track):
        assert msgspec.json.decode(msgspec.json.encode(record), type=Track) == record
