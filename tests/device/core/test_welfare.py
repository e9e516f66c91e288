"""A lone person: warned at the box first, then an alarm; any sign of life renews, signing off ends."""

import pytest

from device.core.welfare import OFF_HOLD_MS, WARN_AGAIN_MS
from wire.records import Alarm

LONE = "04eeeeeeeeeeee"
EVERY_S, WARN_S = 600, 60
EVERY_MS, WARN_MS = EVERY_S * 1000, WARN_S * 1000
CONFIG = {
    "badges": [
        {"uid": LONE, "person": "p-8", "welfare_s": EVERY_S},
        {"uid": "04a1b2c3", "person": "p-1"},
    ],
    "welfare_warn_s": WARN_S,
    "repeat_s": 10,
}


@pytest.fixture
def box(make_unit):
    unit = make_unit()
    unit.configure(**CONFIG)
    return unit


def welfare(unit):
    return [(a.active, a.person, a.what) for a in unit.kept(Alarm) if a.alarm == "welfare"]


def warnings(unit):
    return unit.signals.count("welfare_warning")


def test_nobody_signed_on_nobody_is_missed(box):
    box.tap("04a1b2c3")
    box.wait(2 * (EVERY_MS + WARN_MS), step_ms=5_000)
    assert (welfare(box), warnings(box)) == ([], 0)


def test_the_box_warns_first_and_then_alarms(box):
    box.tap(LONE)
    box.wait(EVERY_MS - 1_000, step_ms=1_000)
    assert warnings(box) == 0
    box.wait(WARN_MS, step_ms=1_000)
    assert warnings(box) == pytest.approx(WARN_MS / WARN_AGAIN_MS, abs=1)
    assert welfare(box) == []
    box.wait(2_000, step_ms=1_000)
    assert [(active, person) for active, person, _ in welfare(box)] == [(True, "p-8")]
    assert box.signals[-1] == "sos_sent"


def test_it_rides_in_the_state_and_in_the_alarms(box):
    box.link()
    box.tap(LONE)
    box.wait(EVERY_MS + WARN_MS + 2_000, step_ms=1_000)
    state = box.states()[-1]
    assert [record.alarm for record in state.urgent] == ["welfare"]
    assert "welfare p-8" in state.alarms


@pytest.mark.parametrize("sign", ["badge", "other badge", "unknown card", "ack", "sos button"])
def test_any_tap_and_any_button_is_a_sign_of_life(box, sign):
    def give():
        uids = {"badge": LONE, "other badge": "04a1b2c3", "unknown card": "04999999"}
        if sign in uids:
            box.tap(uids[sign])
        else:
            box.button(sign.split()[0], True)
            box.wait(100, step_ms=50)
            box.button(sign.split()[0], False)

    box.tap(LONE)
    for _ in range(4):
        box.wait(EVERY_MS - 10_000, step_ms=1_000)
        give()
    assert (welfare(box), warnings(box)) == ([], 0)


def test_after_the_alarm_a_sign_of_life_ends_it_and_the_watch_goes_on(box):
    box.tap(LONE)
    box.wait(EVERY_MS + WARN_MS + 2_000, step_ms=1_000)
    box.tap(LONE)
    box.wait(EVERY_MS + WARN_MS + 2_000, step_ms=1_000)
    assert [active for active, _, _ in welfare(box)] == [True, False, True]


def test_the_acknowledge_button_held_signs_off(box):
    box.tap(LONE)
    box.button("ack", True)
    box.wait(OFF_HOLD_MS)
    assert box.signals[-1] == "signed_off"
    box.button("ack", False)
    box.wait(2 * (EVERY_MS + WARN_MS), step_ms=5_000)
    assert (welfare(box), warnings(box)) == ([], 0)


def test_in_a_vehicle_signing_off_ends_it(make_unit):
    car = make_unit("vehicle")
    car.configure(**CONFIG)
    car.tap(LONE)
    car.wait(20_000)
    car.tap(LONE)
    car.wait(2 * (EVERY_MS + WARN_MS), step_ms=5_000)
    assert (welfare(car), warnings(car)) == ([], 0)


def test_a_refused_badge_begins_no_watch(make_unit):
    unit = make_unit()
    revoked = {"uid": LONE, "person": "p-8", "welfare_s": EVERY_S, "revoked": True}
    unit.configure(badges=[revoked])
    unit.tap(LONE)
    unit.wait(2 * (EVERY_MS + WARN_MS), step_ms=5_000)
    assert welfare(unit) == []


def test_a_restart_of_the_process_goes_on_counting(box, make_unit):
    box.tap(LONE)
    again = make_unit(journal=box.journal)
    again.configure(**CONFIG)
    again.up_ms = box.up_ms + EVERY_MS + WARN_MS + 1_000
    again.wait(1_000)
    assert [active for active, _, _ in welfare(again)] == [True]


def test_a_power_cut_counts_from_the_start_of_the_machine(box, make_unit):
    box.tap(LONE)
    noted = box.journal.saved["welfare"]["watch"]
    noted |= {"boot": "00000001", "heard_up_ms": 10**9}
    again = make_unit(saved={"welfare": {"watch": noted}})
    again.configure(**CONFIG)
    again.wait(EVERY_MS, step_ms=1_000)
    assert warnings(again) > 0
    again.wait(WARN_MS + 1_000, step_ms=1_000)
    assert [active for active, _, _ in welfare(again)] == [True]
