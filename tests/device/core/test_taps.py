"""A card at the reader: what is recorded, and what the person hears."""

import msgspec
import pytest

from device.core import effects as ef
from device.core import events as ev
from tests.roster import badge
from wire.orders import ConfigMessage, UnitConfig
from wire.records import Alarm, Checkin, Crew


def test_with_gateway_and_broker_there_it_sounds_accepted(checkpoint):
    checkpoint.link()
    checkpoint.tap()
    checkpoint.happen(ev.LinkDown(1, "cable"))
    checkpoint.tap("04a1b2c7")
    assert checkpoint.signals == ["accepted", "stored_offline"]


def test_a_broker_without_a_gateway_is_offline_too(checkpoint):
    checkpoint.happen(ev.LinkUp(1, "broker:8883"))
    checkpoint.tap()
    assert checkpoint.signals == ["stored_offline"]


@pytest.mark.parametrize(
    ("uid", "person", "result", "sound"),
    [
        ("04a1b2c3", "p-1", "accepted", "stored_offline"),
        ("04a1b2c4", "p-2", "revoked", "refused"),
        ("04a1b2c5", "p-3", "expired", "refused"),
        ("04a1b2c6", "p-4", "expired", "refused"),
        ("04ffffff", None, "unknown", "unknown"),
    ],
)
def test_a_check_in(checkpoint, utc0, uid, person, result, sound):
    checkpoint.tap(uid, at_ms=60_000)
    (record,) = checkpoint.kept(Checkin)
    assert (record.badge, record.person, record.result) == (uid, person, result)
    assert (record.place, record.method, record.proof) == ("pl-1", "nfc", "uid")
    assert (record.up_ms, record.at_ms, record.clock) == (60_000, utc0 + 60_000, "ntp")
    assert checkpoint.signals == [sound]


def test_the_record_comes_before_its_sound(checkpoint):
    checkpoint.tap()
    at = next(i for i, e in enumerate(checkpoint.effects) if isinstance(e, ef.Signal))
    assert isinstance(checkpoint.effects[at - 1], ef.Keep)


def test_without_a_configuration_a_badge_is_unknown_and_recorded(bare):
    bare.tap()
    (record,) = bare.kept(Checkin)
    assert (record.result, record.person, record.place, record.at_ms) == (
        "unknown",
        None,
        None,
        None,
    )
    assert bare.signals == ["unknown"]


def test_without_a_clock_a_badge_of_the_roster_passes(bare):
    bare.configure(badges=[{"uid": "04a1b2c5", "person": "p-3", "valid_to_ms": 5}])
    bare.tap("04a1b2c5")
    (record,) = bare.kept(Checkin)
    assert (record.result, record.at_ms, record.clock) == ("accepted", None, "none")


def test_the_same_badge_again_beeps_and_is_not_recorded(checkpoint):
    checkpoint.tap(at_ms=10_000)
    checkpoint.tap(at_ms=15_000)
    checkpoint.tap(at_ms=19_999)
    assert len(checkpoint.kept(Checkin)) == 1
    checkpoint.tap(at_ms=20_000)
    assert len(checkpoint.kept(Checkin)) == 2
    assert checkpoint.signals == ["stored_offline", "duplicate", "duplicate", "stored_offline"]


def test_a_refused_badge_again_is_refused_again(checkpoint):
    checkpoint.tap("04a1b2c4", at_ms=10_000)
    checkpoint.tap("04a1b2c4", at_ms=11_000)
    assert checkpoint.signals == ["refused", "refused"]
    assert len(checkpoint.kept(Checkin)) == 1


def test_two_people_in_a_row_are_two_check_ins(checkpoint):
    checkpoint.tap("04a1b2c3", at_ms=10_000)
    checkpoint.tap("04a1b2c7", at_ms=10_500)
    assert [record.person for record in checkpoint.kept(Checkin)] == ["p-1", "p-5"]


def test_a_wall_clock_that_jumps_repeats_and_dates_nothing(checkpoint, utc0):
    checkpoint.tap(at_ms=10_000)
    checkpoint.wall_ms = utc0 + 10**11
    checkpoint.tap(at_ms=11_000)
    checkpoint.wall_ms = 0
    checkpoint.tap(at_ms=30_000)
    assert [record.at_ms for record in checkpoint.kept(Checkin)] == [utc0 + 10_000, utc0 + 30_000]


def test_after_a_restart_the_last_tap_of_this_boot_still_counts(make_unit, checkpoint):
    checkpoint.tap(at_ms=10_000)
    (recorded,) = checkpoint.kept(Checkin)
    held = ConfigMessage(1, "v-1", 1, UnitConfig(badges=[badge(recorded.badge, recorded.person)]))
    restarted = make_unit(recent=(recorded,), config=held)
    restarted.tap(at_ms=15_000)
    assert restarted.signals == ["duplicate"]
    assert restarted.kept(Checkin) == []


def test_after_a_restart_the_same_card_does_not_sign_off_again(make_unit, vehicle):
    vehicle.tap(at_ms=10_000)
    (recorded,) = vehicle.kept(Crew)
    held = ConfigMessage(1, "v-1", 1, UnitConfig(badges=[badge(recorded.badge, recorded.person)]))
    saved = {"crew": {"crew": [recorded.person]}}
    restarted = make_unit("vehicle", recent=(recorded,), config=held, saved=saved)
    restarted.tap(at_ms=15_000)
    assert restarted.signals == ["duplicate"]
    assert restarted.kept(Crew) == []


def test_a_tap_of_another_boot_counts_for_nothing(make_unit, checkpoint):
    checkpoint.tap(at_ms=10_000)
    (recorded,) = checkpoint.kept(Checkin)
    elsewhere = msgspec.structs.replace(recorded, boot="00000000")
    rebooted = make_unit(recent=(elsewhere,))
    rebooted.tap(at_ms=15_000)
    assert len(rebooted.kept(Checkin)) == 1


class TestJournalFails:
    @pytest.fixture
    def failing(self, checkpoint):
        checkpoint.journal.broken = "the card is full; free some space"
        return checkpoint

    def test_the_person_hears_that_it_was_not_kept(self, failing):
        failing.tap(at_ms=10_000)
        assert failing.signals == ["storage_failing"]
        assert failing.kept(Checkin) == []
        assert failing.lights[-1] is True

    def test_the_next_tap_is_a_new_one(self, failing):
        failing.tap(at_ms=10_000)
        failing.journal.broken = None
        failing.tap(at_ms=11_000)
        assert [record.up_ms for record in failing.kept(Checkin)] == [11_000]
        assert failing.signals == ["storage_failing", "stored_offline"]

    def test_the_state_says_so_and_recovery_ends_it_with_a_record(self, failing):
        failing.link()
        failing.tap(at_ms=10_000)
        failing.wait(1_000)
        assert failing.states()[-1].alarms == ["the card is full; free some space"]
        failing.journal.broken = None
        failing.tap("04a1b2c7")
        failing.wait(1_000)
        assert failing.states()[-1].alarms == []
        (alarm,) = failing.kept(Alarm)
        assert (alarm.alarm, alarm.part, alarm.active) == ("storage", "journal", False)
        assert "the card is full" in alarm.what
        assert failing.lights[-1] is False

    def test_recovery_is_told_once(self, failing):
        failing.tap(at_ms=10_000)
        failing.journal.broken = None
        failing.tap(at_ms=11_000)
        failing.tap("04a1b2c7", at_ms=12_000)
        assert len(failing.kept(Alarm)) == 1


class TestCrew:
    def test_signs_on_and_off(self, vehicle):
        vehicle.tap(at_ms=10_000)
        vehicle.tap("04a1b2c7", at_ms=11_000)
        assert vehicle.journal.saved["crew"] == {"crew": ["p-1", "p-5"]}
        vehicle.tap(at_ms=30_000)
        assert vehicle.journal.saved["crew"] == {"crew": ["p-5"]}
        assert [(r.person, r.action, r.result) for r in vehicle.kept(Crew)] == [
            ("p-1", "on", "accepted"),
            ("p-5", "on", "accepted"),
            ("p-1", "off", "accepted"),
        ]
        assert vehicle.kept(Checkin) == []
        assert vehicle.signals == ["stored_offline"] * 3

    def test_tapped_twice_by_mistake_stays_on(self, vehicle):
        vehicle.tap(at_ms=10_000)
        vehicle.tap(at_ms=12_000)
        assert vehicle.journal.saved["crew"] == {"crew": ["p-1"]}
        assert vehicle.signals == ["stored_offline", "duplicate"]

    @pytest.mark.parametrize("uid", ["04a1b2c4", "04a1b2c5", "04ffffff"])
    def test_who_may_not_is_recorded_and_not_aboard(self, vehicle, uid):
        vehicle.tap(uid)
        assert len(vehicle.kept(Crew)) == 1
        assert "crew" not in vehicle.journal.saved

    def test_the_state_shows_who_is_aboard(self, vehicle):
        vehicle.link()
        vehicle.wait(1_000)
        assert vehicle.states()[-1].crew == []
        vehicle.tap()
        vehicle.wait(1_000)
        assert vehicle.states()[-1].crew == ["p-1"]

    def test_a_restart_leaves_them_aboard(self, make_unit):
        unit = make_unit("vehicle", saved={"crew": {"crew": ["p-1"]}})
        unit.configure(badges=[{"uid": "04a1b2c3", "person": "p-1"}])
        unit.tap()
        assert [record.action for record in unit.kept(Crew)] == ["off"]

    def test_what_the_journal_did_not_take_did_not_happen(self, vehicle):
        vehicle.journal.broken = "full"
        vehicle.tap(at_ms=10_000)
        vehicle.journal.broken = None
        vehicle.tap(at_ms=11_000)
        assert [record.action for record in vehicle.kept(Crew)] == ["on"]
        assert vehicle.journal.saved["crew"] == {"crew": ["p-1"]}

    def test_more_crew_than_the_state_may_show_does_not_spoil_it(self, make_unit):
        unit = make_unit("vehicle", saved={"crew": {"crew": [f"p-{n}" for n in range(70)]}})
        unit.link()
        unit.wait(1_000)
        assert unit.states()[-1].crew == [f"p-{n}" for n in range(6, 70)]


def test_a_tap_is_recorded_with_where_the_unit_is(checkpoint):
    checkpoint.fix(5_000, lat=27.2418, lon=111.4725, hacc_m=2.1)
    checkpoint.tap(at_ms=7_000)
    checkpoint.tap("04a1b2c7", at_ms=35_001)
    near, late = checkpoint.kept(Checkin)
    assert (near.pos.lat, near.pos.lon, near.pos.hacc_m, near.pos.age_ms) == (
        27.2418,
        111.4725,
        2.1,
        2_000,
    )
    assert late.pos is None


def test_a_failed_fix_is_no_failed_tap(vehicle):
    vehicle.happen(ev.KeepFailed(None, "full"))
    vehicle.tap()
    assert vehicle.signals == ["storage_failing", "stored_offline"]


def test_a_badge_that_the_new_roster_knows_is_no_repeat(bare):
    bare.tap()
    bare.configure(1, place="pl-9", badges=[badge("04a1b2c3", "p-1")])
    bare.tap()
    assert [(r.result, r.person) for r in bare.kept(Checkin)] == [
        ("unknown", None),
        ("accepted", "p-1"),
    ]
    assert bare.signals == ["unknown", "stored_offline"]
