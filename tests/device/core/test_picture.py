"""What a unit says of where it is: as the receiver had it, and never longer than it is so."""

import pytest

from wire.records import Crew

LAT, LON = 27.24, 111.47


@pytest.fixture
def somewhere(make_unit):
    """A vehicle that has a fix, and a connection."""
    unit = make_unit("vehicle")
    unit.fix(lat=LAT, lon=LON)
    unit.link()
    unit.wait(2_000)
    return unit


def test_meshtastic_11748_a_position_is_not_told_when_it_is_stale(somewhere):
    assert somewhere.states()[-1].fix is not None
    somewhere.wait(6 * 3_600_000, step_ms=10_000)
    assert somewhere.states()[-1].fix is None
    somewhere.tap()
    assert somewhere.kept(Crew)[-1].pos is None


def test_traccar_3121_4451_no_map_offset_is_added_to_what_the_receiver_said(somewhere):
    fix = somewhere.states()[-1].fix
    assert (fix.lat, fix.lon) == (LAT, LON)
    somewhere.tap()
    pos = somewhere.kept(Crew)[-1].pos
    assert (pos.lat, pos.lon) == (LAT, LON)
