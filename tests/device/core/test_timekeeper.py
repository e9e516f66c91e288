"""The unit's clock through days of power cuts, steps of the system's clock, and sources at odds."""

import pytest

from device.core import effects as ef
from device.core.kept_time import KeptTime, last_kept
from device.core.timekeeper import NOTE_EVERY_MS
from wire.records import Alarm, Boot, Checkin, Clock, Track

UTC0 = 1_763_890_000_000
BOOT, OTHER = "9c1b22f0", "aaaa0000"
YEAR_MS = 31_536_000_000
HOUR_MS = 3_600_000


def kept(boot=BOOT, up_ms=0, at_ms=UTC0, clock="gnss", floor_ms=None):
    return KeptTime(boot, up_ms, at_ms, clock, 300, floor_ms or at_ms)


def clock_alarms(unit):
    return [(a.part, a.active) for a in unit.kept(Alarm) if a.alarm == "clock"]


def notes(unit):
    return [effect for effect in unit.effects if isinstance(effect, ef.Save)]


class TestRestarts:
    def test_a_process_that_begins_anew_in_the_same_boot_keeps_the_receivers_time(self, make_unit):
        unit = make_unit(kept_time=kept())
        unit.wall_ms = UTC0
        unit.tap()
        (boot,), (tap,) = unit.kept(Boot), unit.kept(Checkin)
        for record in (boot, tap):
            assert (record.clock, record.at_ms) == ("gnss", UTC0 + record.up_ms)
        assert unit.kept(Clock) == []

    def test_another_boot_does_not_use_it(self, make_unit):
        unit = make_unit(kept_time=kept(OTHER))
        unit.tap()
        (boot,), (tap,) = unit.kept(Boot), unit.kept(Checkin)
        assert [(r.clock, r.at_ms, r.clock_err_ms) for r in (boot, tap)] == [
            ("none", None, None)
        ] * 2

    def test_what_this_run_wrote_is_what_the_next_one_goes_on_from(self, make_unit):
        first = make_unit()
        first.fix(5_000)
        first.fix(6_000)
        first.wait(20_000)
        first.tap()
        found = last_kept(first.journal.records[::-1], None)
        second = make_unit(kept_time=found)
        assert second.kept(Boot)[0].at_ms == UTC0 + second.up_ms

    def test_another_boot_believes_no_word_before_it(self, make_unit):
        unit = make_unit(kept_time=kept(OTHER, at_ms=UTC0 + YEAR_MS))
        for _ in range(60):
            unit.fix(unit.up_ms + 1_000)
        unit.clock("rtc")
        unit.tap()
        assert unit.kept(Checkin)[0].clock == "none"
        assert ("gnss", True) in clock_alarms(unit)

    def test_a_battery_clock_at_the_floor_dates_such_a_boot(self, make_unit):
        unit = make_unit(kept_time=kept(OTHER))
        unit.clock("rtc", err_ms=None)
        unit.tap()
        (tap,) = unit.kept(Checkin)
        assert (tap.clock, tap.at_ms, tap.clock_err_ms) == ("rtc", UTC0 + tap.up_ms, None)


class TestNotes:
    def test_none_while_events_tell_the_time(self, checkpoint):
        for _ in range(20):
            checkpoint.wait(NOTE_EVERY_MS - 1_000, step_ms=30_000)
            checkpoint.tap()
        assert [n.name for n in notes(checkpoint)] == ["config"]

    def test_one_every_ten_minutes_where_there_are_none(self, checkpoint):
        checkpoint.wait(24 * HOUR_MS, step_ms=10_000)
        saved = [n for n in notes(checkpoint) if n.name == "clock"]
        assert 140 <= len(saved) <= 24 * 6
        newest = checkpoint.journal.saved["clock"]
        assert UTC0 + checkpoint.up_ms - newest["at_ms"] <= NOTE_EVERY_MS
        assert newest["boot"] == BOOT

    def test_none_without_a_trusted_source(self, bare):
        bare.clock("rtc", err_ms=None)
        bare.wait(HOUR_MS, step_ms=10_000)
        assert notes(bare) == []

    def test_a_start_notes_what_it_found_so_that_many_boots_without_the_time_keep_it(
        self, make_unit
    ):
        unit = make_unit(kept_time=kept(OTHER))
        unit.wait(1_000)
        assert unit.journal.saved["clock"]["floor_ms"] == UTC0
        assert [n.name for n in notes(unit)] == ["clock"]
        again = make_unit(kept_time=kept(OTHER), saved=unit.journal.saved)
        again.wait(1_000)
        assert notes(again) == []


class TestSystemBehind:
    def test_it_is_an_alarm_until_the_system_time_is_set(self, make_unit):
        unit = make_unit(kept_time=kept(OTHER))
        unit.wait(1_000)
        assert clock_alarms(unit) == [("system", True)]
        unit.wall_ms = UTC0
        unit.wait(1_000)
        assert clock_alarms(unit) == [("system", True), ("system", False)]

    def test_a_unit_that_never_knew_the_time_has_nothing_to_be_behind(self, bare):
        bare.wait(1_000)
        assert clock_alarms(bare) == []


class TestAtOdds:
    @pytest.mark.parametrize("off_ms", [-90_000, 90_000, YEAR_MS, -YEAR_MS])
    def test_gnss_wins_over_ntp_with_an_alarm_until_they_agree(self, bare, off_ms):
        bare.fix(5_000)
        bare.fix(6_000)
        for _ in range(6):
            bare.clock("ntp", utc_ms=UTC0 + bare.up_ms + off_ms, err_ms=50)
            bare.wait(10_000)
        bare.tap()
        assert bare.kept(Checkin)[0].at_ms == UTC0 + bare.up_ms
        wrong = bare.kept(Alarm)
        assert clock_alarms(bare) == [("ntp", True)]
        assert wrong[0].what.startswith(f"ntp is {abs(off_ms) / 1000:.1f} s ")
        bare.clock("ntp", err_ms=50)
        assert clock_alarms(bare) == [("ntp", True), ("ntp", False)]
        assert bare.lights[-1] is False

    def test_ntp_that_was_there_first_gives_way(self, bare):
        bare.clock("ntp", utc_ms=UTC0 + bare.up_ms + 90_000, err_ms=50)
        bare.fix(5_000)
        bare.fix(6_000)
        assert bare.kept(Clock)[-1].source == "gnss"
        bare.clock("ntp", utc_ms=UTC0 + bare.up_ms + 90_000, err_ms=50)
        assert clock_alarms(bare) == [("ntp", True)]

    def test_within_both_bounds_they_do_not_contradict_each_other(self, bare):
        bare.fix(5_000)
        bare.fix(6_000)
        bare.clock("ntp", utc_ms=UTC0 + bare.up_ms + 9_000, err_ms=9_000)
        bare.clock("ntp", utc_ms=UTC0 + bare.up_ms + 1_400, err_ms=10)
        assert clock_alarms(bare) == []

    def test_a_late_acknowledgement_is_no_alarm(self, bare):
        bare.fix(5_000)
        bare.fix(6_000)
        bare.link()
        bare.gateway_has("event", 2, now_ms=UTC0 - 600_000)
        assert clock_alarms(bare) == []

    def test_a_receiver_years_off_waits_while_ntp_is_believed(self, bare):
        """Tasmota 17896, Open-Vehicle-Monitoring-System-3 284: a wrong year, said with confidence."""
        bare.clock("ntp", err_ms=50)
        for _ in range(30):
            bare.fix(bare.up_ms + 1_000, utc_ms=UTC0 + bare.up_ms + YEAR_MS)
        bare.tap()
        assert bare.kept(Checkin)[0].at_ms == UTC0 + bare.up_ms
        assert clock_alarms(bare) == [("gnss", True)]
        bare.fix(bare.up_ms + 1_000)
        bare.fix(bare.up_ms + 1_000)
        assert clock_alarms(bare)[-1] == ("gnss", False)


class TestFuture:
    """traccar 3224, 2264, 3067: one fix from the future poisons all that comes after it."""

    @pytest.mark.parametrize("fixes", [1, 2, 60])
    def test_fixes_from_the_future_poison_nothing(self, vehicle, fixes):
        vehicle.drive(30)
        for _ in range(fixes):
            vehicle.fix(vehicle.up_ms + 1_000, utc_ms=UTC0 + vehicle.up_ms + 5 * YEAR_MS)
        vehicle.drive(90)
        assert {track.at_ms - track.up_ms for track in vehicle.kept(Track)} == {UTC0}
        for track in vehicle.kept(Track):
            assert track.t0_ms - track.up0_ms == UTC0
            assert sum(track.dt_ms) <= vehicle.up_ms

    def test_a_first_fix_from_the_future_is_corrected_by_those_that_follow(self, bare):
        bare.fix(5_000, utc_ms=UTC0 + 5 * YEAR_MS)
        bare.fix(6_000)
        bare.fix(7_000)
        bare.tap()
        assert bare.kept(Checkin)[0].at_ms == UTC0 + 7_000


class TestJumps:
    """OctoPi 606 and its kind: the system's clock steps, the records do not."""

    STEPS = (0, YEAR_MS, -YEAR_MS, 50 * YEAR_MS, -40 * YEAR_MS, 1, -HOUR_MS)

    @pytest.mark.parametrize("source", ["gnss", "ntp"])
    def test_nothing_is_reordered_or_lost(self, make_unit, source):
        unit = make_unit()
        if source == "gnss":
            unit.fix(5_000)
            unit.fix(6_000)
        else:
            unit.clock("ntp")
        for n in range(70):
            unit.wall_ms = max(0, UTC0 + unit.up_ms + self.STEPS[n % 7])
            unit.clock("ntp", utc_ms=unit.wall_ms, err_ms=20)
            unit.wait(5_000)
            unit.tap(f"04a1b2{n:02x}")
        taps = unit.kept(Checkin)
        assert [tap.badge for tap in taps] == [f"04a1b2{n:02x}" for n in range(70)]
        assert [tap.up_ms for tap in taps] == sorted(tap.up_ms for tap in taps)
        assert all(abs(tap.at_ms - UTC0 - tap.up_ms) <= 5 for tap in taps)

    def test_a_clock_that_ntp_has_let_go_of_leaves_the_anchor(self, bare):
        bare.clock("ntp")
        bare.wall_ms = 0
        bare.wait(HOUR_MS, step_ms=10_000)
        bare.tap()
        assert (bare.kept(Checkin)[0].at_ms, bare.kept(Checkin)[0].clock) == (
            UTC0 + bare.up_ms,
            "ntp",
        )


class TestFeed:
    @pytest.fixture
    def feeding(self, make_unit):
        unit = make_unit("vehicle", feed_clock=True)
        unit.wall_ms = 7_000_000
        return unit

    def fed(self, unit):
        return [effect for effect in unit.effects if isinstance(effect, ef.FeedClock)]

    def test_a_sample_says_by_how_much_the_system_is_behind(self, feeding):
        feeding.fix(5_000)
        assert self.fed(feeding) == []
        feeding.fix(6_000)
        assert self.fed(feeding) == [ef.FeedClock(7_000_000, UTC0 + 6_000 - 7_000_000)]

    def test_at_most_one_a_second(self, feeding):
        for n in range(50):
            feeding.fix(5_000 + n * 200)
        assert len(self.fed(feeding)) == 10

    def test_only_from_valid_epochs_that_are_believed(self, feeding):
        for n in range(5):
            feeding.fix(5_000 + n * 1_000, clock_ok=False)
        for n in range(5):
            feeding.fix(10_000 + n * 1_000, utc_ms=UTC0 + n * 100_000)
        assert self.fed(feeding) == []
        feeding.clock("ntp", err_ms=20)
        for n in range(5):
            feeding.fix(20_000 + n * 1_000, utc_ms=UTC0 + YEAR_MS + feeding.up_ms + n * 1_000)
        assert self.fed(feeding) == []

    def test_a_receiver_that_leaps_is_not_passed_on(self, feeding):
        feeding.drive(5)
        before = len(self.fed(feeding))
        for _ in range(5):
            feeding.fix(feeding.up_ms + 1_000, utc_ms=UTC0 + YEAR_MS + feeding.up_ms)
        assert len(self.fed(feeding)) == before

    def test_nothing_where_nobody_asked_for_it(self, vehicle):
        vehicle.drive(5)
        assert self.fed(vehicle) == []
