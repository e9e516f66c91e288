"""Thinning: half of the positions, every corner, and a bound on what is told wrongly, however often it is done."""

from itertools import pairwise
from math import asin, cos, pi, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from device.core.thinning import (
    MOST,
    Source,
    astray_m,
    every_of,
    span_ms,
    thinned,
    thinned_records,
    tolerance_m,
)
from wire.batch import decode_record, encode_record
from wire.limits import MAX_FIXES
from wire.records import Replaces, Track
from wire.track import BadTrack, TrackFix, columns, unfold

HEAD = {"boot": "9c1b22f0", "at_ms": 1_763_890_000_000, "clock": "gnss", "clock_err_ms": 20}
M_PER_DEG = 111_320.0
LOG = "f" * 16


def fixes_of(steps, at_ms=1_763_890_000_000, up_ms=1_000, lat=27.2, lon=111.4):
    """A drive by steps of (ms, metres north, metres east)."""
    fixes = []
    for ms, north, east in [(0, 0, 0), *steps]:
        up_ms, lat = up_ms + ms, lat + north / M_PER_DEG
        lon += east / (M_PER_DEG * cos(radians(lat)))
        at_ms = None if at_ms is None else at_ms + ms
        fixes.append(TrackFix(at_ms, up_ms, round(lat, 7), round(lon, 7), 8.3, 271.5, 2.1, 9))
    return fixes


def records_of(fixes, size=MAX_FIXES, **head):
    parts = [fixes[i : i + size] for i in range(0, len(fixes), size)]
    return [
        Track(
            up_ms=part[-1].up_ms,
            t0_ms=part[0].at_ms,
            up0_ms=part[0].up_ms,
            **(HEAD | head),
            **columns(part),
        )
        for part in parts
    ]


def sources(tracks, first=1):
    return [Source(seq, track) for seq, track in enumerate(tracks, first)]


def unfolded(tracks):
    return [fix for track in tracks for fix in unfold(track)]


def distance_m(a, b):
    """On the sphere, by the haversine: another way than the one under test."""
    lat1, lat2 = radians(a[0]), radians(b[0])
    half = sin((lat2 - lat1) / 2) ** 2
    half += cos(lat1) * cos(lat2) * sin(radians(b[1] - a[1]) / 2) ** 2
    return 2 * M_PER_DEG * 180 / pi * asin(sqrt(half))


def told_at(fixes, up_ms):
    """Where a track says that the vehicle was."""
    for a, b in pairwise(fixes):
        if a.up_ms <= up_ms <= b.up_ms:
            share = (up_ms - a.up_ms) / (b.up_ms - a.up_ms)
            return a.lat + share * (b.lat - a.lat), a.lon + share * (b.lon - a.lon)
    return fixes[-1].lat, fixes[-1].lon


STEPS = st.lists(
    st.tuples(st.integers(100, 60_000), st.integers(-80, 80), st.integers(-80, 80)),
    min_size=1,
    max_size=240,
)


class TestOneTrack:
    @given(STEPS)
    def test_no_fix_that_goes_was_further_off_than_allowed(self, steps):
        fixes = fixes_of(steps)
        left = thinned(fixes, 10)
        assert [left[0], left[-1]] == [fixes[0], fixes[-1]]
        assert set(left) <= set(fixes)
        for fix in fixes:
            assert distance_m((fix.lat, fix.lon), told_at(left, fix.up_ms)) <= 10.1

    def test_an_even_drive_loses_every_second(self):
        fixes = fixes_of([(1_000, 8, 0)] * 60)
        assert thinned(fixes, 10) == fixes[::2]

    def test_a_corner_stays_though_it_would_be_its_turn_to_go(self):
        fixes = fixes_of([(1_000, 20, 0)] * 3 + [(1_000, 0, 20)] * 3)
        corner = fixes[3]
        assert corner in thinned(fixes, 10)
        assert corner not in thinned(fixes, 15)

    def test_a_stop_stays_where_and_when_it_was(self):
        fixes = fixes_of([(1_000, 15, 0), (30_000, 0, 0), (1_000, 15, 0)])
        assert fixes[1] in thinned(fixes, 10)

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_the_ends_stay(self, count):
        fixes = fixes_of([(1_000, 8, 0)] * (count - 1))
        assert thinned(fixes, 10) == ([fixes[0], fixes[-1]] if count > 1 else fixes)

    def test_over_the_date_line(self):
        a, fix, b = (
            TrackFix(0, ms, 0.0, lon) for ms, lon in ((0, 179.9), (1, -179.9), (2, -179.7))
        )
        assert astray_m(a, fix, b) < 1
        assert astray_m(a, replace(fix, lat=0.001), b) == pytest.approx(111.32, rel=1e-6)


class TestRecords:
    @given(STEPS, st.booleans(), st.sampled_from([7, 60]))
    def test_thinned_to_the_end_the_error_stays_within_twice_the_last_tolerance(
        self, steps, dated, size
    ):
        fixes = fixes_of(steps, *([] if dated else [None]))
        tracks, seq, every = records_of(fixes, size), 1, 1
        while every < MOST:
            every *= 2
            given_ = sources(tracks, seq)
            tracks = thinned_records(LOG, given_)
            assert {track.replaces for track in tracks} == {
                Replaces(LOG, given_[0].seq, given_[-1].seq, every)
            }
            seq = given_[-1].seq + 1
            assert all(decode_record(encode_record(track)) == track for track in tracks)
            left = unfolded(tracks)
            assert [left[0], left[-1]] == [fixes[0], fixes[-1]]
            for fix in fixes:
                off_m = distance_m((fix.lat, fix.lon), told_at(left, fix.up_ms))
                assert off_m <= 2 * tolerance_m(every)
            assert len(tracks) == -(-len(left) // MAX_FIXES)

    def test_a_straight_road_ends_with_one_fix_in_sixteen(self):
        fixes = fixes_of([(1_000, 8, 0)] * 959)
        tracks = records_of(fixes)
        for _ in range(4):
            tracks = thinned_records(LOG, sources(tracks))
        assert [every_of(track) for track in tracks] == [16, 16]
        assert len(unfolded(tracks)) == 61

    @pytest.mark.parametrize("change", [{"boot": "00000000"}, {"clock": "ntp"}])
    def test_what_has_another_head_stands_in_a_record_of_its_own(self, change):
        fixes = fixes_of([(1_000, 8, 0)] * 39)
        a, b = records_of(fixes[:20]), records_of(fixes[20:], **change)
        tracks = thinned_records(LOG, sources([*a, *b]))
        assert [(t.boot, t.clock) for t in tracks] == [(t.boot, t.clock) for t in (*a, *b)]
        assert [(t.replaces.first, t.replaces.last) for t in tracks] == [(1, 1), (2, 2)]

    def test_a_clock_that_was_put_back_or_learned_begins_another(self):
        a = records_of(fixes_of([(1_000, 8, 0)] * 19))
        back = records_of(fixes_of([(1_000, 8, 0)] * 19, 1_763_880_000_000, 50_000))
        unknown = records_of(fixes_of([(1_000, 8, 0)] * 19, None, 90_000))
        before = records_of(fixes_of([(1_000, 8, 0)] * 19, None, 10_000))
        tracks = thinned_records(LOG, sources([*a, *back, *unknown, *before]))
        assert len(tracks) == 4

    def test_the_head_is_that_of_the_last_one_replaced(self):
        tracks = records_of(fixes_of([(1_000, 8, 0)] * 99))
        (new,) = thinned_records(LOG, sources(tracks, 41))
        assert (new.up_ms, new.at_ms, new.clock_err_ms) == (tracks[1].up_ms, tracks[1].at_ms, 20)
        assert new.replaces == Replaces(LOG, 41, 42, 2)

    def test_columns_that_do_not_fit_are_said_so(self):
        (track,) = records_of(fixes_of([(1_000, 8, 0)] * 9))
        with pytest.raises(BadTrack):
            thinned_records(LOG, sources([replace(track, lat_e7=[1])]))


def test_the_span_in_time_is_of_the_dated_ones():
    dated = records_of(fixes_of([(1_000, 8, 0)] * 9))
    unknown = records_of(fixes_of([(1_000, 8, 0)] * 9, None))
    assert span_ms([*unknown, *dated]) == (1_763_890_000_000, 1_763_890_009_000)
    assert span_ms(unknown) == (None, None)
