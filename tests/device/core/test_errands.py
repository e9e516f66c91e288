"""Orders that a unit carries out by itself: where it is, and a restart that is answered for after the start."""

import pytest

from device.core import effects as ef
from device.core.errands import FAREWELL_MS, LOCATE_MS, NOTE, SOUNDS_MS
from wire import topics
from wire.records import Order, Track


@pytest.fixture
def car(make_unit):
    unit = make_unit("vehicle")
    unit.clock("ntp")
    unit.link()
    unit.gateway_has("event", 2)
    unit.gateway_has("track", 1)
    return unit


def answers(unit, what):
    return [(r.outcome, r.why) for r in unit.kept(Order) if r.what == what]


def restarts(unit):
    return [effect for effect in unit.effects if isinstance(effect, ef.PowerOff)]


class TestLocate:
    def test_a_unit_at_rest_says_where_it_is_each_second_for_a_minute(self, car):
        car.fix(2_000)
        car.order(what="locate")
        assert answers(car, "locate") == [("received", None), ("done", None)]
        assert car.kept(Order)[-1].pos.lat == 27.0
        begun_ms = car.up_ms
        for _ in range(LOCATE_MS // 1000 + 30):
            car.fix(car.up_ms + 1_000)
        said = [t - begun_ms for t, topic, _ in car.published if topic == topics.pos("v-1")]
        assert len([t for t in said if 0 < t <= LOCATE_MS]) >= LOCATE_MS // 1000 - 2
        assert len([t for t in said if t > LOCATE_MS + 1_000]) <= 4

    def test_it_waits_for_a_fix(self, car):
        car.order(what="locate")
        car.wait(20_000)
        assert answers(car, "locate") == [("received", None)]
        car.fix(car.up_ms + 1_000)
        assert answers(car, "locate")[-1] == ("done", None)

    def test_without_one_it_says_so(self, car):
        car.order(what="locate")
        car.wait(LOCATE_MS + 1_000)
        assert answers(car, "locate")[1:] == [("failed", "no position for 60 s")]


class TestReboot:
    def test_all_is_kept_and_sent_before_it(self, car):
        car.fix(2_000)
        car.order(what="reboot")
        car.wait(SOUNDS_MS + 500)
        assert restarts(car) == []
        assert len(car.kept(Track)) == 1
        for stream in ("event", "track"):
            car.gateway_has(stream, len(car.journal.raws[car.journal.current[stream]]) + 1)
        car.wait(1_000)
        assert restarts(car) == [ef.PowerOff(again=True)]
        car.wait(60_000)
        assert len(restarts(car)) == 1

    def test_without_a_gateway_it_does_not_wait_for_ever(self, car):
        car.order(what="reboot")
        car.wait(FAREWELL_MS + 500)
        assert len(restarts(car)) == 1

    @pytest.mark.parametrize(
        ("boot", "answer"),
        [
            ("00000001", ("done", None)),
            ("9c1b22f0", ("failed", "the machine did not start anew")),
        ],
    )
    def test_the_answer_comes_after_the_start(self, car, make_unit, boot, answer):
        car.order(what="reboot")
        car.wait(FAREWELL_MS + 500)
        saved = car.journal.saved[NOTE]
        saved["reboot"]["boot"] = boot
        again = make_unit("vehicle", saved={NOTE: saved})
        again.wait(500)
        assert answers(again, "reboot") == [answer]
        third = make_unit("vehicle", saved={NOTE: again.journal.saved[NOTE]})
        third.wait(500)
        assert answers(third, "reboot") == []
