"""Places that sleep: none is woken too late, whatever the way; many cost little."""

from hypothesis import given
from hypothesis import strategies as st

from device.core.fences import moved
from device.core.surroundings import Surroundings
from device.core.visit import Visit
from device.core.whereabouts import Point
from wire.orders import Place

LEG = st.tuples(st.floats(-400, 400), st.floats(-400, 400), st.floats(8, 60), st.booleans())


def place(name, lat, lon, radius_m=50.0):
    return Place(name, name, lat, lon, radius_m)


def way(lat, lon, legs):
    """Points along some legs: metres east and north, the margin there, whether joined."""
    points = [Point(0, lat, lon, 8.0, 3.0, True, False)]
    for number, (east_m, north_m, margin_m, joined) in enumerate(legs, 1):
        lat, lon = moved(lat, lon, east_m, north_m)
        points.append(Point(number * 1000, lat, lon, margin_m, 3.0, True, joined))
    return points


def by_place(crossing):
    return crossing.place.id


@given(
    st.floats(-80, 80),
    st.floats(-180, 179.9),
    st.lists(st.tuples(st.floats(-900, 900), st.floats(-900, 900), st.floats(5, 500)), max_size=6),
    st.lists(LEG, max_size=60),
)
def test_it_tells_what_stepping_every_place_at_every_point_tells(lat, lon, around, legs):
    places = [
        place(f"pl-{number}", *moved(lat, lon, east_m, north_m), radius_m)
        for number, (east_m, north_m, radius_m) in enumerate(around)
    ]
    sleepy, awake, before = Surroundings(places), [Visit(each) for each in places], None
    for here in way(lat, lon, legs):
        every = [crossing for visit in awake for crossing in visit.step(before, here)]
        assert sorted(sleepy.step(here), key=by_place) == sorted(every, key=by_place)
        before = here


def test_of_many_places_only_those_near_a_border_are_awake():
    """5,000 in a square kilometre: 50 m about the vehicle are some 40 within and 30 at the border."""
    places = [
        place(f"pl-{n}", *moved(27.0, 111.0, (n % 71 - 35) * 14.0, (n // 71 - 35) * 14.0))
        for n in range(5_000)
    ]
    around = Surroundings(places)
    for here in way(27.0, 111.0, [(10.0, 0.0, 8.0, True)] * 30):
        around.step(here)
    assert len(around.visits) < 150


def test_far_places_beyond_the_plane_wake_in_time():
    """The other side of the 180th meridian and a continent away, driven to in long jumps."""
    around, told = Surroundings([place("far", 27.0, -179.0)]), []
    for number, lon in enumerate([90.0, 150.0, 179.0, -178.9]):
        told += around.step(Point(number * 10_000, 27.0, lon, 8.0, 3.0, True, False))
    for number in range(-30, 30):
        here = moved(27.0, -179.0, number * 10.0, 0.0)
        told += around.step(Point(400_000 + number * 1000, *here, 8.0, 3.0, True, number > -30))
    assert [crossing.what for crossing in told] == ["arrive", "leave"]
