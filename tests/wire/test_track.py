"""Folding fixes into columns and back; hostile columns give `BadTrack` and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.limits import MAX_AT_MS, MAX_FIXES
from wire.records import Track
from wire.track import BadTrack, TrackFix, columns, unfold

HEAD = {"boot": "9c1b22f0", "up_ms": 0, "at_ms": None, "clock": "none", "clock_err_ms": None}
T0 = 1_763_890_000_000


def optional(strategy):
    return st.none() | strategy


@st.composite
def drives(draw):
    """1 to 60 fixes, with or without a clock, as a segment holds them."""
    steps_ms = draw(st.lists(st.integers(0, 60_000), min_size=1, max_size=MAX_FIXES))
    t0_ms = draw(optional(st.integers(0, MAX_AT_MS - 3_600_000)))
    up_ms, fixes = draw(st.integers(0, 10**10)), []
    for offset_ms in steps_ms:
        up_ms += offset_ms
        t0_ms = None if t0_ms is None else t0_ms + offset_ms
        fixes.append(
            TrackFix(
                at_ms=t0_ms,
                up_ms=up_ms,
                lat=draw(st.integers(-900_000_000, 900_000_000)) / 1e7,
                lon=draw(st.integers(-1_800_000_000, 1_800_000_000)) / 1e7,
                speed_m_s=draw(optional(st.integers(0, 10_000).map(lambda cm: cm / 100))),
                course_deg=draw(optional(st.integers(0, 3600).map(lambda ddeg: ddeg / 10))),
                hacc_m=draw(optional(st.integers(0, 10_000).map(lambda dm: dm / 10))),
                sats=draw(optional(st.integers(0, 60))),
            )
        )
    return fixes


def segment(fixes):
    return Track(**HEAD, t0_ms=fixes[0].at_ms, up0_ms=fixes[0].up_ms, **columns(fixes))


def track(**changes):
    """Two fixes in the columns of the contract, with `changes`."""
    two = {name: [0, 0] for name in ("dt_ms", "lat_e7", "lon_e7", "speed_cm_s", "course_ddeg")}
    fields = {"t0_ms": T0, "up0_ms": 5, "hacc_dm": [0, 0], "sats": [0, 0]} | two | changes
    return Track(**HEAD, **fields)


@given(drives())
def test_comes_back_as_it_was(fixes):
    assert list(unfold(segment(fixes))) == fixes


@given(drives())
def test_fits_the_contract_on_the_wire(fixes):
    sent = segment(fixes)
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Track) == sent


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 100), st.floats(0, 360))
def test_rounding_stays_below_what_the_columns_say(lat, lon, speed_m_s, course_deg):
    (fix,) = unfold(segment([TrackFix(T0, 0, lat, lon, speed_m_s, course_deg)]))
    assert fix.lat == pytest.approx(lat, abs=0.51e-7)
    assert fix.lon == pytest.approx(lon, abs=0.51e-7)
    assert fix.speed_m_s == pytest.approx(speed_m_s, abs=0.0051)
    assert fix.course_deg == pytest.approx(course_deg, abs=0.051)


def test_columns_are_first_values_and_differences():
    fixes = [
        TrackFix(T0, 1000, 27.0, 111.0, 8.0, None, 2.1, 9),
        TrackFix(T0 + 1000, 2009, 27.0000002, 110.9999999, None, 90.0, 2.0, None),
        TrackFix(T0 + 1900, 2900, 27.0, 111.0, 8.5, 91.5, None, 7),
    ]
    assert columns(fixes) == {
        "dt_ms": [0, 1000, 900],
        "lat_e7": [270_000_000, 2, -2],
        "lon_e7": [1_110_000_000, -1, 1],
        "speed_cm_s": [800, None, 50],
        "course_ddeg": [None, 900, 15],
        "hacc_dm": [21, -1, None],
        "sats": [9, None, -2],
    }


def test_what_no_fix_has_is_not_written_at_all():
    fixes = [TrackFix(T0, 1000, 27.0, 111.0), TrackFix(T0 + 1000, 2000, 27.0, 111.0)]
    sent = msgspec.json.encode(segment(fixes))
    for name in (b"speed_cm_s", b"course_ddeg", b"hacc_dm", b"sats"):
        assert name not in sent
    assert list(unfold(msgspec.json.decode(sent, type=Track))) == fixes


def test_an_optional_column_of_nothing_but_null_says_the_same():
    assert list(unfold(track(sats=[None, None]))) == list(unfold(track(sats=[])))


def test_times_are_the_receivers_where_every_fix_has_one():
    known = [TrackFix(T0, 1000, 1, 1), TrackFix(T0 + 1000, 2047, 1, 1)]
    assert columns(known)["dt_ms"] == [0, 1000]
    one_lacks = [known[0], msgspec.structs.replace(known[1], at_ms=None)]
    assert columns(one_lacks)["dt_ms"] == [0, 1047]


@pytest.mark.parametrize(
    "name", ["dt_ms", "lat_e7", "lon_e7", "speed_cm_s", "course_ddeg", "hacc_dm", "sats"]
)
@pytest.mark.parametrize("column", [[0], [0, 0, 0]])
def test_columns_of_different_length_are_no_track(name, column):
    with pytest.raises(BadTrack, match="length"):
        list(unfold(track(**{name: column})))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"lat_e7": [900_000_001, 0]}, "latitude"),
        ({"lat_e7": [900_000_000, 1]}, "latitude"),
        ({"lat_e7": [-900_000_000, -1]}, "latitude"),
        ({"lon_e7": [0, 1_800_000_001]}, "longitude"),
        ({"lon_e7": [-1_800_000_000, -1]}, "longitude"),
        ({"dt_ms": [0, -T0 - 1]}, "time"),
        ({"dt_ms": [0, MAX_AT_MS]}, "time"),
        ({"dt_ms": [2**53, 0]}, "time"),
        ({"dt_ms": [-6, 0]}, "time"),
        ({"t0_ms": None, "dt_ms": [0, -6]}, "time"),
        ({"t0_ms": None, "dt_ms": [0, 2**53]}, "time"),
    ],
)
def test_nothing_leaves_the_earth_or_our_time(changes, what):
    with pytest.raises(BadTrack, match=what):
        list(unfold(track(**changes)))


def test_the_poles_and_the_date_line_are_on_the_earth():
    fixes = list(unfold(track(lat_e7=[900_000_000, -1_800_000_000], lon_e7=[1_800_000_000, 0])))
    assert [(fix.lat, fix.lon) for fix in fixes] == [(90.0, 180.0), (-90.0, 180.0)]


ints = st.integers(-(2**53), 2**53) | st.integers(-(10**9), 10**9) | st.integers(-5, 5)
plain = st.lists(ints, min_size=1, max_size=4)
holed = st.lists(optional(ints), max_size=4)


@given(optional(st.integers(0, MAX_AT_MS)), st.integers(0, 2**53), st.data())
def test_hostile_columns_give_fixes_on_earth_or_bad_track(t0_ms, up0_ms, data):
    sent = Track(
        **HEAD,
        t0_ms=t0_ms,
        up0_ms=up0_ms,
        **{name: data.draw(plain) for name in ("dt_ms", "lat_e7", "lon_e7")},
        **{name: data.draw(holed) for name in ("speed_cm_s", "course_ddeg", "hacc_dm", "sats")},
    )
    try:
        fixes = list(unfold(sent))
    except BadTrack:
        return
    assert len(fixes) == len(sent.dt_ms)
    for fix in fixes:
        assert abs(fix.lat) <= 90
        assert abs(fix.lon) <= 180
        assert fix.up_ms >= 0
        assert fix.at_ms is None or 0 <= fix.at_ms <= MAX_AT_MS


@pytest.mark.parametrize("count", [0, MAX_FIXES + 1])
def test_the_type_bounds_the_number_of_fixes(count):
    with pytest.raises(msgspec.ValidationError, match=r"length.*dt_ms"):
        msgspec.json.decode(msgspec.json.encode(track(dt_ms=[0] * count)), type=Track)
