"""Whose word sets the clock: rank, agreement, age; and what never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.clock import (
    CONVINCED_MS,
    DRIFT_PPM,
    STALE_MS,
    STEP_MS,
    Anchor,
    ClockKeeper,
    Stamp,
)
from wire.limits import MAX_AT_MS
from wire.records import Checkin, Clock

T0 = 1_763_890_000_000
YEAR_MS = 31_536_000_000
SOURCES = ("rtc", "gw", "ntp", "gnss")


@pytest.fixture
def keeper():
    return ClockKeeper(T0 - 1)


class TestKeeper:
    def test_knows_nothing_at_first(self, keeper):
        assert keeper.source == "none"
        assert keeper.stamp(5) == Stamp(None, "none", None)

    def test_time_goes_on_from_the_anchor_and_the_error_grows(self, keeper):
        assert keeper.learn(Anchor(1_000, T0, "ntp", 20))
        assert keeper.stamp(2_000) == Stamp(T0 + 1_000, "ntp", 20)
        hour_ms = 3_600_000
        assert keeper.stamp(1_000 + hour_ms).clock_err_ms == 20 + hour_ms * DRIFT_PPM // 10**6

    def test_a_moment_before_the_anchor_is_dated_too(self, keeper):
        keeper.learn(Anchor(5_000, T0, "ntp", None))
        assert keeper.stamp(1_000) == Stamp(T0 - 4_000, "ntp", None)

    def test_before_the_build_nothing_is_believed(self, keeper):
        assert not keeper.learn(Anchor(0, T0 - 2, "gnss", 1))
        assert keeper.source == "none"

    @pytest.mark.parametrize("low", SOURCES)
    @pytest.mark.parametrize("high", SOURCES)
    def test_only_a_higher_source_takes_over(self, keeper, low, high):
        keeper.learn(Anchor(0, T0, low, 500))
        took = keeper.learn(Anchor(1_000, T0 + 500_000, high, 500))
        higher = SOURCES.index(high) > SOURCES.index(low)
        assert took is (higher or high == low)
        assert keeper.source == (high if higher else low)

    def test_the_same_source_again_is_no_news_unless_it_stepped(self, keeper):
        keeper.learn(Anchor(0, T0, "gnss", 300))
        assert not keeper.learn(Anchor(1_000, T0 + 1_000 + STEP_MS, "gnss", 300))
        assert keeper.stamp(1_000).at_ms == T0 + 1_000
        assert keeper.learn(Anchor(1_000, T0 + 1_001 + STEP_MS, "gnss", 300))
        assert keeper.stamp(1_000).at_ms == T0 + 1_001 + STEP_MS

    def test_a_difference_within_both_error_bounds_is_no_step(self, keeper):
        keeper.learn(Anchor(0, T0, "gw", 2_000))
        assert not keeper.learn(Anchor(1_000, T0 + 4_900, "gw", 2_000))
        assert keeper.learn(Anchor(1_000, T0 + 5_100, "gw", 2_000))

    def test_a_closer_word_of_the_same_source_is_taken_quietly(self, keeper):
        keeper.learn(Anchor(0, T0, "ntp", 500))
        assert not keeper.learn(Anchor(1_000, T0 + 1_200, "ntp", 50))
        assert keeper.stamp(1_000) == Stamp(T0 + 1_200, "ntp", 50)

    def test_a_stale_word_gives_way_to_a_fresh_lower_one(self, keeper):
        keeper.learn(Anchor(0, T0, "gnss", 300))
        assert not keeper.learn(Anchor(STALE_MS, T0 + STALE_MS, "gw", 2_000))
        assert keeper.learn(Anchor(STALE_MS + 1, T0 + STALE_MS, "gw", 2_000))
        assert keeper.source == "gw"

    @given(
        st.lists(
            st.tuples(st.integers(0, 1000), st.sampled_from(SOURCES), st.integers(-(10**9), 10**9)),
            max_size=12,
        )
    )
    def test_while_gnss_is_fresh_nothing_else_moves_it(self, words):
        keeper, up_ms = ClockKeeper(0), 0
        keeper.learn(Anchor(0, T0, "gnss", 300))
        for after_ms, source, off_ms in words:
            up_ms += after_ms
            if source != "gnss":
                assert not keeper.learn(Anchor(up_ms, T0 + up_ms + off_ms, source, 1))
            assert keeper.stamp(up_ms).at_ms == T0 + up_ms
            assert keeper.source == "gnss"


class TestLeaps:
    """What lies far from what is believed must be borne out."""

    @pytest.fixture
    def kept(self, keeper):
        keeper.remember(T0 + YEAR_MS, None)
        return keeper

    def test_the_newest_time_kept_bounds_from_below(self, kept):
        assert kept.floor_ms == T0 + YEAR_MS
        assert not kept.learn(Anchor(0, T0, "gnss", 300))
        assert not kept.learn(Anchor(60_000, T0 + 60_000, "gnss", 300))
        assert kept.source == "none"
        assert kept.learn(Anchor(90_000, T0 + YEAR_MS + 90_000, "gnss", 300))

    def test_never_below_the_builds_date(self, keeper):
        keeper.remember(5, None)
        assert keeper.floor_ms == T0 - 1

    def test_a_battery_clock_before_the_floor_is_never_believed(self, kept):
        for up_ms in range(0, 10 * CONVINCED_MS, CONVINCED_MS // 2):
            assert not kept.learn(Anchor(up_ms, T0 + up_ms, "rtc", None))
        assert kept.source == "none"

    def test_a_battery_clock_after_the_floor_is(self, kept):
        assert kept.learn(Anchor(0, T0 + YEAR_MS, "rtc", None))
        assert kept.stamp(0) == Stamp(T0 + YEAR_MS, "rtc", None)

    def test_a_poisoned_floor_gives_way_to_two_sources(self, kept):
        """traccar 3067: one time from the future must not bar the true one for ever."""
        assert not kept.learn(Anchor(0, T0, "gnss", 300))
        assert kept.learn(Anchor(1_000, T0 + 1_500, "ntp", 50))
        assert kept.source == "ntp"
        assert kept.floor_ms <= T0 + 1_500
        assert kept.learn(Anchor(2_000, T0 + 2_000, "gnss", 300))

    def test_a_poisoned_floor_gives_way_to_one_that_holds(self, kept):
        learned = [
            kept.learn(Anchor(up_ms, T0 + up_ms, "gnss", 300))
            for up_ms in range(0, CONVINCED_MS + 1, 1_000)
        ]
        assert learned == [False] * (CONVINCED_MS // 1_000) + [True]

    def test_a_leap_that_wavers_never_convinces(self, kept):
        for n in range(100):
            assert not kept.learn(Anchor(n * 60_000, T0 + n * 90_000, "gnss", 300))

    @pytest.mark.parametrize("leap_ms", [YEAR_MS, -YEAR_MS])
    @pytest.mark.parametrize("source", ["ntp", "gnss"])
    def test_a_higher_source_leaps_only_when_it_has_held(self, source, leap_ms):
        keeper = ClockKeeper(T0 - 5 * YEAR_MS)
        keeper.learn(Anchor(0, T0, "gw", 2_000))
        assert not keeper.learn(Anchor(1_000, T0 + 1_000 + leap_ms, source, 50))
        assert keeper.stamp(1_000).at_ms == T0 + 1_000
        up_ms = 1_000 + CONVINCED_MS
        assert keeper.learn(Anchor(up_ms, T0 + up_ms + leap_ms, source, 50))

    def test_a_stale_anchor_does_not_give_way_to_one_lower_source_that_leaps(self, keeper):
        keeper.learn(Anchor(0, T0, "gnss", 300))
        for n in range(10):
            up_ms = STALE_MS + 1 + n * CONVINCED_MS
            assert not keeper.learn(Anchor(up_ms, T0 + up_ms + YEAR_MS, "ntp", 50))
        assert keeper.learn(Anchor(up_ms, T0 + up_ms + YEAR_MS, "gw", 2_000))

    @pytest.mark.parametrize("source", ["ntp", "gw", "gnss"])
    def test_beyond_the_year_2100_nothing_is_believed(self, keeper, source):
        assert not keeper.learn(Anchor(0, MAX_AT_MS + 1, source, 1))
        assert keeper.source == "none"

    def test_what_was_remembered_of_this_boot_dates_it_and_stays_news_to_nobody(self, keeper):
        keeper.remember(T0, Anchor(1_000, T0, "gnss", 300))
        assert keeper.stamp(3_000) == Stamp(T0 + 2_000, "gnss", 300)
        assert not keeper.learn(Anchor(4_000, T0 + 3_000, "ntp", 50))
        assert not keeper.learn(Anchor(5_000, T0 + 4_000, "gnss", 300))


class TestUnit:
    def test_two_agreeing_fixes_make_one_clock_record(self, bare, utc0):
        bare.fix(5_000)
        assert bare.kept(Clock) == []
        bare.fix(6_000)
        bare.fix(7_000)
        (clock,) = bare.kept(Clock)
        assert (clock.source, clock.utc_ms, clock.up_ms) == ("gnss", utc0 + 6_000, 6_000)
        assert (clock.at_ms, clock.clock) == (utc0 + 6_000, "gnss")

    def test_fixes_that_contradict_each_other_set_nothing(self, bare, utc0):
        for n in range(6):
            bare.fix(5_000 + n * 1_000, utc_ms=utc0 + n * 100_000)
        assert bare.kept(Clock) == []

    def test_one_fix_from_the_future_sets_nothing(self, bare, utc0):
        bare.fix(5_000)
        bare.fix(6_000)
        bare.fix(7_000, utc_ms=utc0 + 10**10)
        bare.fix(8_000)
        bare.tap()
        assert len(bare.kept(Clock)) == 1
        assert bare.journal.records[-1].at_ms == utc0 + 8_000

    @pytest.mark.parametrize("year_1980_ms", [315_964_800_000])
    def test_a_receiver_that_reports_1980_is_not_believed(self, bare, year_1980_ms):
        for n in range(4):
            bare.fix(5_000 + n * 1_000, utc_ms=year_1980_ms + n * 1_000)
        assert bare.kept(Clock) == []

    def test_a_fix_whose_clock_is_not_sure_never_sets_it(self, bare):
        for n in range(10):
            bare.fix(5_000 + n * 1_000, clock_ok=False)
        assert bare.kept(Clock) == []
        bare.tap()
        assert bare.journal.records[-1].at_ms is None

    def test_lower_sources_after_gnss_change_nothing(self, bare, utc0):
        bare.fix(5_000)
        bare.fix(6_000)
        for source in ("rtc", "gw", "ntp"):
            bare.clock(source, utc_ms=utc0 + 10**9)
        bare.tap()
        assert len(bare.kept(Clock)) == 1
        assert bare.journal.records[-1].at_ms == utc0 + 6_000

    def test_a_time_without_an_error_bound_is_used_but_not_recorded(self, bare, utc0):
        bare.clock("rtc", err_ms=None)
        bare.tap()
        assert bare.kept(Clock) == []
        assert bare.journal.records[-1].at_ms == utc0 + bare.up_ms
        assert bare.journal.records[-1].clock_err_ms is None

    @given(st.lists(st.integers(0, 2**42), min_size=1, max_size=5))
    def test_the_wall_clock_dates_nothing(self, make_unit, utc0, jumps):
        unit = make_unit()
        unit.clock("ntp")
        for n, wall_ms in enumerate(jumps):
            unit.wall_ms = wall_ms
            unit.tap(f"04a1b2{n:02x}", at_ms=10_000 + n)
        told = [record.at_ms for record in unit.kept(Checkin)]
        assert told == [utc0 + 10_000 + n for n in range(len(jumps))]


class TestGatewayTime:
    def test_an_acknowledgement_that_is_news_tells_the_time(self, bare, utc0):
        bare.link()
        bare.gateway_has("event", 2, now_ms=utc0 + bare.up_ms)
        (clock,) = bare.kept(Clock)
        assert (clock.source, clock.utc_ms) == ("gw", utc0 + bare.up_ms)

    def test_a_repeated_one_does_not_turn_the_clock_back(self, bare, utc0):
        bare.link()
        then_ms = utc0 + bare.up_ms
        bare.gateway_has("event", 2, now_ms=then_ms)
        bare.wait(3_600_000, step_ms=60_000)
        bare.gateway_has("event", 2, now_ms=then_ms)
        bare.tap()
        assert len(bare.kept(Clock)) == 1
        assert bare.journal.records[-1].at_ms == utc0 + bare.up_ms

    def test_another_branch_tells_no_time(self, bare, utc0):
        bare.link()
        bare.gateway_has("event", 2, now_ms=utc0, h="ab" * 32)
        assert bare.kept(Clock) == []
