"""Duty cards: which badge an act belongs to, and what happens to a tap that belongs to none."""

import pytest

from tests.roster import badge, duty_card
from wire.orders import ConfigMessage, UnitConfig
from wire.records import Checkin, Crew, Duty, Ref

A, B, REVOKED = "04a1b2c3", "04a1b2c7", "04a1b2c4"
MEDIATED, TRAFFIC = "04d00001", "04d00002"
DUTIES = [duty_card(MEDIATED, "mediation"), duty_card(TRAFFIC, "traffic")]
BADGES = [badge(A, "p-1"), badge(B, "p-5"), badge(REVOKED, "p-2", revoked=True)]
CONFIG = UnitConfig(badges=BADGES, duties=DUTIES, duty_window_s=30, repeat_s=10)


@pytest.fixture
def start(make_unit):
    """Starts a unit with duty cards."""

    def make(role="checkpoint", config=CONFIG, **memory):
        unit = make_unit(role, config=ConfigMessage(1, "v-1", 1, config), **memory)
        unit.clock("ntp")
        unit.link()
        return unit

    return make


@pytest.fixture
def unit(start):
    return start()


def ref_of(unit, record):
    return Ref("event", "e" * 16, unit.journal.records.index(record) + 1)


def test_a_duty_card_after_a_badge_refers_to_its_check_in(unit):
    unit.tap(A, at_ms=10_000)
    unit.tap(MEDIATED, at_ms=40_000)
    (duty,) = unit.kept(Duty)
    (checkin,) = unit.kept(Checkin)
    assert (duty.duty, duty.count, duty.up_ms) == ("mediation", 1, 40_000)
    assert duty.ref == ref_of(unit, checkin)
    assert unit.signals == ["accepted", "duty_accepted"]


@pytest.mark.parametrize("before", [[], [A], [REVOKED], ["04ffffff"]])
def test_without_a_badge_accepted_in_time_nothing_is_recorded_and_it_is_heard(unit, before):
    for uid in before:
        unit.tap(uid, at_ms=10_000)
    told = len(unit.kept(Checkin))
    unit.tap(MEDIATED, at_ms=40_001)
    assert unit.kept(Duty) == []
    assert len(unit.kept(Checkin)) == told
    assert unit.signals[-1] == "duty_refused"


def test_of_two_badges_the_latest_accepted_one_counts(unit):
    unit.tap(A, at_ms=10_000)
    unit.tap(B, at_ms=12_000)
    unit.tap(REVOKED, at_ms=13_000)
    unit.tap(MEDIATED, at_ms=15_000)
    (duty,) = unit.kept(Duty)
    assert duty.ref == ref_of(unit, unit.kept(Checkin)[1])


def test_a_badge_shown_again_begins_the_window_anew_for_the_same_check_in(unit):
    unit.tap(A, at_ms=10_000)
    unit.tap(B, at_ms=12_000)
    unit.tap(A, at_ms=19_000)
    unit.tap(MEDIATED, at_ms=48_000)
    (duty,) = unit.kept(Duty)
    assert duty.ref == ref_of(unit, unit.kept(Checkin)[0])


def test_the_same_card_is_one_act_within_a_slip_of_the_hand_and_another_later(unit):
    unit.tap(A, at_ms=10_000)
    for at_ms in (11_000, 14_000, 20_999, 21_000):
        unit.tap(MEDIATED, at_ms=at_ms)
    assert [(d.up_ms, d.count) for d in unit.kept(Duty)] == [(11_000, 1), (21_000, 1)]
    assert unit.signals[1:] == ["duty_accepted", "duplicate", "duplicate", "duty_accepted"]


def test_several_duties_of_one_badge_and_one_duty_of_two(unit):
    unit.tap(A, at_ms=10_000)
    unit.tap(MEDIATED, at_ms=11_000)
    unit.tap(TRAFFIC, at_ms=12_000)
    unit.tap(B, at_ms=13_000)
    unit.tap(TRAFFIC, at_ms=14_000)
    first, second = (ref_of(unit, checkin) for checkin in unit.kept(Checkin))
    found = [(d.duty, d.ref) for d in unit.kept(Duty)]
    assert found == [("mediation", first), ("traffic", first), ("traffic", second)]


def test_on_a_vehicle_it_refers_to_the_sign_on(start):
    car = start("vehicle")
    car.tap(A, at_ms=10_000)
    car.tap(TRAFFIC, at_ms=12_000)
    (duty,) = car.kept(Duty)
    assert duty.ref == ref_of(car, car.kept(Crew)[0])
    assert len(car.kept(Crew)) == 1


def test_a_badge_stays_a_badge_though_its_tag_is_enrolled_as_duty(start):
    both = UnitConfig(badges=BADGES, duties=[duty_card(A, "patrol")])
    unit = start(config=both)
    unit.tap(A)
    assert len(unit.kept(Checkin)) == 1
    assert unit.kept(Duty) == []


def test_a_duty_card_is_never_recorded_as_an_unknown_badge(unit):
    unit.tap(MEDIATED)
    assert unit.kept(Checkin) == []


def test_after_a_restart_the_window_is_still_open(start, unit):
    unit.tap(A, at_ms=10_000)
    checkin = unit.kept(Checkin)[0]
    again = start(taps=((ref_of(unit, checkin), checkin),))
    again.tap(MEDIATED, at_ms=20_000)
    assert [d.ref for d in again.kept(Duty)] == [ref_of(unit, checkin)]


def test_a_tap_of_another_boot_opens_no_window(start, unit):
    unit.tap(A, at_ms=10_000)
    checkin = unit.kept(Checkin)[0]
    elsewhere = type(checkin)(
        **{name: getattr(checkin, name) for name in checkin.__struct_fields__ if name != "boot"},
        boot="00000000",
    )
    again = start(taps=((Ref("event", "e" * 16, 2), elsewhere),))
    again.tap(MEDIATED, at_ms=20_000)
    assert again.kept(Duty) == []


class TestJournalFails:
    def test_a_badge_that_was_not_kept_opens_no_window(self, unit):
        unit.journal.broken = "full"
        unit.tap(A, at_ms=10_000)
        unit.journal.broken = None
        unit.tap(MEDIATED, at_ms=11_000)
        assert unit.kept(Duty) == []
        assert unit.signals[-1] == "duty_refused"

    def test_an_act_that_was_not_kept_can_be_shown_again_at_once(self, unit):
        unit.tap(A, at_ms=10_000)
        unit.journal.broken = "full"
        unit.tap(MEDIATED, at_ms=11_000)
        assert "duty_accepted" not in unit.signals
        unit.journal.broken = None
        unit.tap(MEDIATED, at_ms=12_000)
        assert [d.up_ms for d in unit.kept(Duty)] == [12_000]
        assert unit.signals[-1] == "duty_accepted"
