"""Distress: SOS until it is acknowledged and over, and a duress card that the box does not betray."""

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.emergency import SOS_HOLD_MS, SOUND_AGAIN_MS
from device.core.urgent import AGAIN_MS
from wire import topics
from wire.live import State
from wire.records import Alarm, Checkin, Order

COERCED = "04dddddddddddd"


def hold(unit, ms=SOS_HOLD_MS):
    unit.button("sos", True)
    unit.wait(ms)
    unit.button("sos", False)


def alarms(unit, name):
    return [(a.active, a.person) for a in unit.kept(Alarm) if a.alarm == name]


def over(unit):
    unit.order(what="sos-over", id="o-9")


class TestSosSounds:
    def test_offline_again_and_again_until_the_gateway_has_it(self, vehicle):
        hold(vehicle)
        vehicle.wait(3 * SOUND_AGAIN_MS)
        assert vehicle.signals == ["sos_sent"] * 4
        vehicle.link()
        vehicle.gateway_has("event", tail(vehicle) + 1)
        vehicle.wait(3 * SOUND_AGAIN_MS)
        assert vehicle.signals == ["sos_sent"] * 4 + ["sos_heard"]

    def test_before_the_record_is_on_the_medium(self, vehicle):
        hold(vehicle)
        done = [e for e in vehicle.effects if isinstance(e, ef.Signal | ef.Keep)][-2:]
        assert isinstance(done[0], ef.Signal)
        assert done[1].record.alarm == "sos"

    def test_even_when_the_journal_takes_nothing(self, vehicle):
        vehicle.journal.broken = "full"
        hold(vehicle)
        assert vehicle.signals[0] == "sos_sent"

    def test_traccar_3285_no_filter_swallows_it_at_rest_or_in_a_repeat(self, vehicle):
        for n in range(40):
            vehicle.fix(10_000 + n * 1_000)
        hold(vehicle)
        vehicle.wait(500)
        hold(vehicle)
        assert len(alarms(vehicle, "sos")) == 2


class TestSosIsTold:
    def test_every_few_seconds_whatever_the_client_holds(self, vehicle):
        vehicle.link()
        vehicle.wait(1_000)
        vehicle.taken = False
        before = len(vehicle.states())
        hold(vehicle)
        vehicle.wait(4 * AGAIN_MS)
        told = vehicle.states()[before:]
        assert len([s for s in told if s.urgent]) >= 5
        assert {s.alarms[0] for s in told if s.urgent} == {"SOS"}

    def test_within_a_tick_of_the_hold(self, vehicle):
        vehicle.link()
        vehicle.wait(1_000)
        vehicle.taken = False
        vehicle.happen(ev.PartSpoke("gps", "silent"))
        hold(vehicle)
        (alarm,) = [a for a in vehicle.kept(Alarm) if a.alarm == "sos"]
        told = [t for t, s in vehicle.said(topics.state("v-1"), State) if s.urgent]
        assert told[0] == alarm.up_ms

    def test_no_flood_of_order_answers_pushes_it_out(self, vehicle):
        vehicle.link()
        hold(vehicle)
        for n in range(60):
            vehicle.order(id=f"o-{n}")
        vehicle.wait(1_000)
        urgent = vehicle.states()[-1].urgent
        assert len(urgent) == 16
        assert [r.alarm for r in urgent if isinstance(r, Alarm)] == ["sos"]

    def test_acknowledged_it_rides_no_longer_but_stands(self, vehicle):
        vehicle.link()
        hold(vehicle)
        vehicle.wait(1_000)
        vehicle.gateway_has("event", tail(vehicle) + 1)
        vehicle.wait(1_000)
        state = vehicle.states()[-1]
        assert (state.urgent, state.alarms) == ([], ["SOS"])


class TestSosEnds:
    def test_by_the_commanders_order(self, vehicle):
        vehicle.link()
        vehicle.wait(1_000)
        hold(vehicle)
        over(vehicle)
        vehicle.wait(1_000)
        assert alarms(vehicle, "sos") == [(True, None), (False, None)]
        assert [(o.what, o.outcome) for o in vehicle.kept(Order)] == [
            ("sos-over", "received"),
            ("sos-over", "done"),
        ]
        assert vehicle.states()[-1].alarms == []
        before = len(vehicle.signals)
        vehicle.wait(3 * SOUND_AGAIN_MS)
        assert len(vehicle.signals) == before

    def test_not_by_the_person_at_the_box(self, vehicle):
        vehicle.link()
        hold(vehicle)
        vehicle.button("ack", True)
        vehicle.wait(5_000)
        vehicle.tap()
        assert vehicle.states()[-1].alarms == ["SOS"]

    def test_nor_by_a_restart(self, vehicle, make_unit):
        hold(vehicle)
        again = make_unit("vehicle", journal=vehicle.journal)
        again.link()
        again.wait(1_000)
        state = again.states()[-1]
        assert [record.alarm for record in state.urgent] == ["sos"]
        assert state.alarms == ["SOS"]
        again.wait(SOUND_AGAIN_MS)
        assert "sos_sent" in again.signals

    def test_one_that_was_heard_is_silent_after_a_restart(self, vehicle, make_unit):
        vehicle.link()
        hold(vehicle)
        vehicle.gateway_has("event", tail(vehicle) + 1)
        again = make_unit("vehicle", journal=vehicle.journal)
        again.link()
        again.wait(2 * SOUND_AGAIN_MS)
        assert again.signals == []
        assert again.states()[-1].alarms == ["SOS"]


class TestDuress:
    @pytest.fixture
    def box(self, make_unit):
        unit = make_unit()
        badges = [{"uid": COERCED, "person": "p-7", "duress": True}]
        unit.configure(badges=badges, place="pl-1")
        unit.link()
        unit.wait(1_000)
        return unit

    def test_it_sounds_like_any_and_raises_a_silent_alarm(self, box):
        lights = list(box.lights)
        box.tap(COERCED)
        box.wait(60_000)
        (checkin,) = box.kept(Checkin)
        assert checkin.result == "accepted"
        assert alarms(box, "duress") == [(True, "p-7")]
        assert box.signals == ["accepted"]
        assert not any(box.lights[len(lights) :])
        assert [r.alarm for r in box.states()[-1].urgent] == ["duress"]

    def test_the_beep_comes_before_anything_of_the_alarm(self, box):
        box.effects.clear()
        box.tap(COERCED)
        done = [type(e).__name__ for e in box.effects if isinstance(e, ef.Signal | ef.Keep)]
        assert done[:3] == ["Keep", "Signal", "Keep"]

    def test_no_later_trouble_shows_it(self, box):
        box.tap(COERCED)
        box.happen(ev.PartSpoke("gps", "silent"))
        box.happen(ev.PartSpoke("gps", "ok"))
        assert box.lights[-1] is False

    def test_held_to_the_box_it_is_one_alarm(self, box):
        for n in range(5):
            box.tap(COERCED, at_ms=20_000 + n * 1_000)
        assert len(alarms(box, "duress")) == 1

    def test_its_end_is_silent_too(self, box):
        box.tap(COERCED)
        over(box)
        box.wait(1_000)
        assert alarms(box, "duress") == [(True, "p-7"), (False, "p-7")]
        assert box.signals == ["accepted"]


def tail(unit):
    return len(unit.journal.raws[unit.journal.current["event"]])
