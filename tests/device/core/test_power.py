"""Ignition: off for long enough the unit takes its leave; back before that, nothing happened."""

import pytest

from device.core import effects as ef
from device.core.power import SOUNDS_MS
from device.core.station import Ignition
from hardware.panel.patterns import PATTERNS
from wire.records import Alarm, Track

HOLD_MS, FAREWELL_MS = 10_000, 15_000


@pytest.fixture
def car(make_unit):
    unit = make_unit("vehicle", ignition=Ignition(HOLD_MS, FAREWELL_MS))
    unit.clock("ntp")
    unit.button("ignition", True)
    return unit


def offs(unit):
    return sum(isinstance(effect, ef.PowerOff) for effect in unit.effects)


def power(unit):
    return [a.active for a in unit.kept(Alarm) if a.alarm == "power"]


def gateway_has_all(unit):
    for stream in ("event", "track"):
        unit.gateway_has(stream, len(unit.journal.raws[unit.journal.current[stream]]) + 1)


def test_back_before_the_hold_time_nothing_happened(car):
    for _ in range(5):
        car.button("ignition", False)
        car.wait(HOLD_MS - 500)
        car.button("ignition", True)
        car.wait(1_000)
    car.wait(60_000)
    assert (offs(car), power(car), car.signals) == (0, [], [])


def test_a_starter_that_makes_the_contact_flicker_is_nothing(car):
    for n in range(200):
        car.button("ignition", bool(n % 2))
        car.wait(50, step_ms=50)
    assert offs(car) == 0


def test_held_it_flushes_tells_and_powers_off_once(car):
    car.fix(2_000)
    car.link()
    car.button("ignition", False)
    car.wait(HOLD_MS)
    assert power(car) == [True]
    assert car.signals == ["powering_off"]
    assert len(car.kept(Track)) == 1
    assert any("ignition off" in line for line in car.states()[-1].alarms)
    car.wait(FAREWELL_MS + 60_000)
    assert offs(car) == 1


def test_everything_delivered_it_does_not_wait_any_longer(car):
    car.link()
    car.button("ignition", False)
    car.wait(HOLD_MS)
    gateway_has_all(car)
    car.wait(1_000)
    assert offs(car) == 1


def test_the_segment_that_it_closed_is_waited_for_too(car):
    car.fix(2_000)
    car.link()
    gateway_has_all(car)
    car.button("ignition", False)
    car.wait(HOLD_MS + FAREWELL_MS - 500)
    assert (len(car.kept(Track)), offs(car)) == (1, 0)
    gateway_has_all(car)
    car.wait(500, step_ms=500)
    assert offs(car) == 1


def test_its_signal_is_heard_whole(car):
    car.link()
    car.button("ignition", False)
    car.wait(HOLD_MS)
    gateway_has_all(car)
    assert offs(car) == 0
    assert 1_000 * sum(step.for_s for step in PATTERNS["powering_off"]) <= SOUNDS_MS


def test_offline_it_goes_after_the_farewell(car):
    car.button("ignition", False)
    car.wait(HOLD_MS + FAREWELL_MS - 500)
    assert offs(car) == 0
    car.wait(1_000)
    assert offs(car) == 1


def test_back_during_the_farewell_it_carries_on(car):
    car.button("ignition", False)
    car.wait(HOLD_MS + 2_000)
    car.button("ignition", True)
    car.wait(60_000)
    assert (offs(car), power(car)) == (0, [True, False])
    car.button("ignition", False)
    car.wait(HOLD_MS + FAREWELL_MS + 500)
    assert offs(car) == 1


def started_again(make_unit, unit):
    return make_unit("vehicle", journal=unit.journal, ignition=Ignition(HOLD_MS, FAREWELL_MS))


def test_the_alarm_stands_while_it_is_off_and_ends_with_the_ignition(car, make_unit):
    car.button("ignition", False)
    car.wait(HOLD_MS + FAREWELL_MS + 500)
    again = started_again(make_unit, car)
    assert power(again) == [True]
    again.button("ignition", True)
    again.wait(500)
    assert power(again) == [True, False]
    third = started_again(make_unit, again)
    third.button("ignition", True)
    third.wait(500)
    assert power(third) == [True, False]


def test_started_with_the_ignition_off_it_leaves_too(make_unit):
    unit = make_unit("vehicle", ignition=Ignition(HOLD_MS, FAREWELL_MS))
    unit.button("ignition", False)
    unit.wait(HOLD_MS + FAREWELL_MS + 500)
    assert offs(unit) == 1


def test_without_the_wire_nothing_powers_off(make_unit):
    unit = make_unit("vehicle")
    unit.button("ignition", False)
    unit.wait(HOLD_MS + FAREWELL_MS + 60_000)
    assert offs(unit) == 0


def test_a_full_journal_does_not_keep_it_on(car):
    car.journal.broken = "full"
    car.button("ignition", False)
    car.wait(HOLD_MS + FAREWELL_MS + 500)
    assert offs(car) == 1
