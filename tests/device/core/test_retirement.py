"""A unit's last order: what waits goes out, the keys are wiped, it answers, and is gone."""

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.retirement import ANSWER_MS, FAREWELL_MS, NOTE, SOUNDS_MS
from wire.records import Order


@pytest.fixture
def unit(make_unit):
    one = make_unit("checkpoint", camera=True)
    one.clock("ntp")
    one.link()
    all_sent(one)
    return one


def all_sent(unit):
    for stream in ("event", "track"):
        unit.gateway_has(stream, len(unit.journal.raws[unit.journal.current[stream]]) + 1)


def done(unit, kind):
    return sum(isinstance(effect, kind) for effect in unit.effects)


def answers(unit):
    return [(r.outcome, r.why) for r in unit.kept(Order) if r.what == "retire"]


def test_first_what_waits_then_the_keys(unit):
    unit.order(what="retire")
    unit.wait(SOUNDS_MS + 5_000)
    assert unit.signals[-1] == "powering_off"
    assert done(unit, ef.Wipe) == 0
    all_sent(unit)
    unit.wait(500)
    assert done(unit, ef.Wipe) == 1
    unit.wait(FAREWELL_MS)
    assert done(unit, ef.Wipe) == 1


def test_a_photo_that_waits_goes_out_first(unit):
    unit.order(what="retire")
    all_sent(unit)
    unit.happen(ev.PhotosFound((("ab" * 32, 10),)))
    unit.wait(SOUNDS_MS + 5_000)
    assert done(unit, ef.Wipe) == 0


def test_without_a_gateway_it_does_not_wait_for_ever(unit):
    unit.order(what="retire")
    unit.wait(FAREWELL_MS + 500)
    assert done(unit, ef.Wipe) == 1


class TestOnceWiped:
    @pytest.fixture
    def wiped(self, unit):
        unit.order(what="retire")
        all_sent(unit)
        unit.wait(SOUNDS_MS + 500)
        unit.happen(ev.Wiped())
        return unit

    def test_it_is_gone_as_soon_as_the_gateway_knows(self, wiped):
        assert answers(wiped) == [("received", None), ("done", "keys wiped, off duty")]
        wiped.wait(1_000)
        assert done(wiped, ef.StartAnew) == 0
        all_sent(wiped)
        wiped.wait(500)
        assert done(wiped, ef.StartAnew) == 1

    def test_it_waits_for_that_no_longer_than_is_sound(self, wiped):
        wiped.wait(ANSWER_MS + 30_000)
        assert done(wiped, ef.StartAnew) == 1


def test_keys_that_cannot_be_wiped_are_told_of(unit):
    unit.order(what="retire")
    all_sent(unit)
    unit.wait(SOUNDS_MS + 500)
    unit.happen(ev.Wiped("the card is read-only"))
    unit.wait(ANSWER_MS + 1_000)
    assert answers(unit)[-1] == ("failed", "the card is read-only")
    assert done(unit, ef.StartAnew) == 0
    assert unit.journal.saved[NOTE] == {"order": None}
    assert any("could not be wiped" in line for line in unit.states()[-1].alarms)


def test_a_restart_does_not_call_it_off(unit, make_unit):
    unit.order(what="retire")
    again = make_unit(saved={NOTE: unit.journal.saved[NOTE]})
    again.wait(FAREWELL_MS + 500)
    assert done(again, ef.Wipe) == 1


def test_a_second_order_changes_nothing(unit):
    unit.order(what="retire")
    unit.order(id="o-2", what="retire")
    assert answers(unit)[-1] == ("failed", "another order to retire is under way")


def test_what_the_gateway_did_not_sign_retires_nobody(make_unit):
    from wire.chain import Verifier

    class Nobody(Verifier):
        def check(self, *what):
            return "not signed by the gateway"

        def admit(self, text):
            return False

    unit = make_unit("checkpoint", trust=Nobody())
    unit.link()
    unit.order(what="retire")
    unit.wait(FAREWELL_MS + 500)
    assert done(unit, ef.Wipe) == 0
