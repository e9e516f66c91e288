"""A vehicle's rounds through the agent: records, restarts, backlogs, a clock that comes late, and SOS."""

import pytest

from device.core import events as ev
from device.core.fences import moved
from tests.roster import badge
from wire.orders import Place
from wire.records import Alarm, Arrive, Checkin, Leave

LAT, LON = 27.24, 111.47
GATE = Place("gate", "Gate", LAT, LON, 50.0)


@pytest.fixture
def patrol(vehicle):
    """A vehicle with GNSS time and one place."""
    vehicle.clock("gnss")
    vehicle.configure(
        version=2, places=[GATE], badges=[badge("04a1b2c3", "p-1"), badge("04a1b2c7", "p-5")]
    )
    return vehicle


def fix(unit, north_m, up_ms, utc_ms, speed_m_s=10.0):
    lat, lon = moved(LAT, LON, 0.0, north_m)
    unit.happen(ev.Fix(up_ms, lat, lon, utc_ms, True, speed_m_s, 0.0, 2.0), up_ms)


def go(unit, utc0, from_m=-300, to_m=300):
    for north_m in range(from_m, to_m, 10):
        up_ms = unit.up_ms + 1_000
        fix(unit, north_m, up_ms, utc0 + up_ms - 150)


def kinds(unit):
    return [type(r) for r in unit.journal.records if isinstance(r, Arrive | Checkin | Leave)]


def test_a_pass_is_an_arrival_a_check_in_and_a_leave(patrol, utc0):
    begun_ms = utc0 + patrol.up_ms
    patrol.tap()
    go(patrol, utc0)
    assert kinds(patrol) == [Arrive, Checkin, Leave]
    (checkin,) = patrol.kept(Checkin)
    said = (checkin.place, checkin.method, checkin.proof, checkin.badge, checkin.person)
    assert said == ("gate", "geofence", "gnss", None, "p-1")
    (arrive,) = patrol.kept(Arrive)
    assert arrive.earliest_ms <= begun_ms + 26_000 <= arrive.latest_ms
    assert len(patrol.signals) == 1


def test_who_passed_is_not_guessed_among_several(patrol, utc0):
    patrol.tap()
    patrol.tap("04a1b2c7")
    go(patrol, utc0)
    assert patrol.kept(Checkin)[0].person is None


def test_without_a_clock_the_bounds_are_unknown(make_unit):
    unit = make_unit("vehicle")
    unit.configure(places=[GATE])
    for north_m in range(-300, 300, 10):
        fix(unit, north_m, unit.up_ms + 1_000, None)
    assert [(r.earliest_ms, r.latest_ms) for r in unit.kept(Arrive) + unit.kept(Leave)] == [
        (None, None)
    ] * 2


def test_traccar_web_1090_a_backlog_of_fixes_is_no_storm(patrol, utc0):
    """A line that stalled for a minute gives all its fixes at once: each is of its own time."""
    begun_ms = utc0 + patrol.up_ms
    for n in range(60):
        fix(patrol, -300 + n * 10, 61_000 + n, begun_ms + (n + 1) * 1_000)
    assert kinds(patrol) == [Arrive, Checkin, Leave]
    (arrive,) = patrol.kept(Arrive)
    assert arrive.earliest_ms <= begun_ms + 26_000 <= arrive.latest_ms
    assert arrive.latest_ms - arrive.earliest_ms < 10_000


def test_a_link_that_comes_back_changes_no_event(patrol, utc0):
    go(patrol, utc0)
    before = kinds(patrol)
    patrol.link()
    patrol.wait(5_000)
    assert kinds(patrol) == before


def test_one_fix_from_the_future_does_not_end_the_rounds(patrol, utc0):
    go(patrol, utc0, -300, -200)
    fix(patrol, -200, patrol.up_ms + 1_000, utc0 + 10**10)
    go(patrol, utc0, -190, 300)
    assert kinds(patrol) == [Arrive, Checkin, Leave]


def test_a_restart_within_a_place_is_no_second_arrival(patrol, make_unit, utc0):
    go(patrol, utc0, -300, 1)
    (arrive,) = patrol.kept(Arrive)
    after = make_unit("vehicle", saved={"stays": patrol.journal.saved["stays"]})
    after.configure(places=[GATE])
    after.clock("gnss")
    go(after, utc0, 0, 300)
    assert kinds(after) == [Leave]
    assert after.kept(Leave)[0].earliest_ms is not None
    assert arrive.latest_ms is not None
    assert after.journal.saved["stays"] == {"stays": []}


def test_a_checkpoint_makes_no_rounds(checkpoint, utc0):
    checkpoint.configure(version=2, places=[GATE])
    go(checkpoint, utc0)
    assert kinds(checkpoint) == []


def test_traccar_3285_neither_standing_nor_doubt_swallows_an_sos(patrol, utc0):
    """The receiver wanders, the vehicle stands within a place: the SOS goes its own way."""
    go(patrol, utc0, -300, 1)
    for n in range(120):
        fix(patrol, (n % 3) * 150, patrol.up_ms + 1_000, utc0 + patrol.up_ms, 0.1)
    patrol.button("sos", True)
    patrol.wait(2_000)
    assert [alarm.alarm for alarm in patrol.kept(Alarm)] == ["sos"]
    assert kinds(patrol) == [Arrive, Checkin]
