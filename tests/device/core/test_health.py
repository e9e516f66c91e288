"""The machine's health through the agent: alarms at changes, books over restarts, and less sent as the cap nears."""

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.economy import Plan
from device.core.station import Budgets
from wire import topics
from wire.live import Pos
from wire.orders import Sampling
from wire.records import Alarm, Track

CAP = 1_000_000_000
BUDGETS = Budgets(sd_bytes_day=100 * 2**20, plan=Plan(CAP))
DIGEST = "ab" * 32


def board(**more):
    return ev.Measured(51.0, 20_000, 40, **({"throttled": 0, "mem_free_mb": 300} | more))


def modem(used, session="9c1b22f0 /1"):
    return ev.ModemSaid("ok", "CMCC", "lte", -97.0, 70, session, used - 1, 1)


def look(unit, event, after_ms=10_000):
    unit.happen(event, unit.up_ms + after_ms)


def alarms(unit):
    return [(a.part, a.active) for a in unit.kept(Alarm)]


def caught_up(unit):
    """The gateway has all records, so that photos may go."""
    unit.wait(500)
    for stream in ("event", "event", "track"):
        unit.gateway_has(stream, len(unit.journal.raws[unit.journal.current[stream]]) + 1)


def offer_photo(unit):
    """A photo waits, and nothing else does. What is said of it?"""
    caught_up(unit)
    unit.happen(ev.PhotosFound(((DIGEST, 1_000),)))
    unit.wait(2_000)
    return [topic for _, topic, _ in unit.published if "/up/photo/" in topic]


def again(make_unit, unit, **more):
    return make_unit(journal=unit.journal, budgets=BUDGETS, **more)


@pytest.fixture
def unit(make_unit):
    unit = make_unit("vehicle", budgets=BUDGETS)
    unit.clock("ntp")
    return unit


def test_an_alarm_is_recorded_when_it_rises_and_when_it_ends_and_at_no_other_time(unit):
    for _ in range(5):
        look(unit, board(throttled=0x50005))
    assert alarms(unit) == [("supply", True), ("cpu speed", True)]
    assert unit.lights[-1] is True
    look(unit, board(throttled=0x50000), 600_000)
    assert alarms(unit)[2:] == [("supply", False), ("cpu speed", False)]
    assert unit.lights[-1] is False


def test_a_restart_does_not_tell_again_what_stands(make_unit, unit):
    look(unit, board(throttled=1))
    after = again(make_unit, unit)
    after.link()
    assert any("supply" in line for line in after.states()[-1].alarms)
    for _ in range(10):
        look(after, board(throttled=1))
    assert alarms(after) == [("supply", True)]
    look(after, board(), 600_000)
    assert alarms(after) == [("supply", True), ("supply", False)]


def test_an_alarm_of_another_version_is_not_shown_for_ever(make_unit):
    unit = make_unit(saved={"health": {"raised": {"gone part": "gone part: broken"}}})
    unit.link()
    assert unit.states()[-1].alarms == []


def test_the_books_are_saved_seldom(unit):
    for n in range(360):
        look(unit, board(written=("card 1", n * 1000)))
    saves = [e for e in unit.effects if isinstance(e, ef.Save) and e.name == "health"]
    assert len(saves) == 5


def test_a_stop_in_good_order_saves_the_books(unit):
    look(unit, board(written=("card 1", 1000)))
    assert ef.Save in map(type, unit.agent.stop(unit.now))


def test_the_days_writes_go_on_over_a_reboot_against_their_budget(make_unit, unit):
    look(unit, board(written=("card 1", 60 * 2**20)))
    look(unit, board(written=("card 1", 70 * 2**20)), 600_000)
    after = again(make_unit, unit)
    after.clock("ntp")
    after.link()
    look(after, board(written=("card 2", 20 * 2**20)))
    after.wait(31_000)
    health = after.states()[-1].health
    assert (health.sd_written_mb_day, health.sd_budget_mb_day) == (90, 100)
    assert alarms(after) == []
    look(after, board(written=("card 2", 30 * 2**20)))
    assert alarms(after) == [("card", True)]


def test_the_picture_tells_of_machine_link_and_signs_of_life(unit):
    unit.link()
    look(unit, board(heard_ms={"gps": unit.up_ms}))
    look(unit, modem(820_000_000))
    unit.wait(31_000)
    health = unit.states()[-1].health
    assert (health.throttled, health.mem_free_mb, health.cpu_c) == ("0x0", 300, 51.0)
    said = health.modem
    assert (said.operator, said.technology, said.signal_dbm) == ("CMCC", "lte", -97.0)
    assert (said.used_mb, said.cap_mb, said.saving) == (820, 1_000, "photos")
    assert health.parts["modem"] == "ok"
    assert 20 <= health.heard_s["gps"] <= 60
    assert set(health.heard_s) == {"gps", "modem", "broker"}


def test_a_short_hole_in_the_network_is_no_alarm(unit):
    for _ in range(3):
        look(unit, ev.ModemSaid("not connected (searching)"), 30_000)
        look(unit, ev.ModemSaid("not connected (registered)"), 30_000)
    look(unit, modem(1_000), 30_000)
    assert alarms(unit) == []
    for _ in range(12):
        look(unit, ev.ModemSaid("SIM missing"), 30_000)
    assert alarms(unit) == [("modem", True)]


class TestEconomy:
    """Photos first, then positions; never events."""

    @pytest.fixture
    def driving(self, make_unit):
        unit = make_unit("vehicle", budgets=BUDGETS, camera=True)
        unit.clock("gnss")
        unit.configure(sampling=Sampling(moving_s=1.0))
        unit.link()
        caught_up(unit)
        return unit

    def positions(self, unit):
        return len(unit.said(topics.pos("v-1"), Pos))

    def minute(self, unit):
        """What a minute of driving brings: live positions, and recorded ones."""
        before, fixes = self.positions(unit), len(self.fixes(unit))
        unit.drive(60)
        return self.positions(unit) - before, len(self.fixes(unit)) - fixes

    def fixes(self, unit):
        return [e for e in unit.effects if isinstance(e, ef.KeepFix)]

    def test_photos_wait_from_80_percent_on(self, driving):
        look(driving, modem(850_000_000))
        assert offer_photo(driving) == []
        assert self.minute(driving)[0] > 50

    def test_below_that_they_do_not(self, driving):
        look(driving, modem(750_000_000))
        assert len(offer_photo(driving)) > 0

    def test_from_95_percent_on_positions_are_thinned_and_events_are_not(self, driving):
        told, recorded = self.minute(driving)
        look(driving, modem(960_000_000))
        told_less, recorded_less = self.minute(driving)
        assert told_less * 5 < told
        assert recorded_less * 3 < recorded
        caught_up(driving)
        before = len(driving.said(topics.log("v-1", "event")))
        driving.tap()
        driving.wait(1_000)
        assert len(driving.said(topics.log("v-1", "event"))) > before

    def test_under_an_order_the_live_position_is_not_thinned(self, driving):
        look(driving, modem(960_000_000))
        driving.order()
        assert self.minute(driving)[0] > 50

    def test_nothing_that_was_recorded_is_removed(self, driving):
        driving.drive(70)
        look(driving, modem(960_000_000))
        driving.drive(200)
        assert sum(len(t.dt_ms) for t in driving.kept(Track)) >= 60

    def test_it_ends_as_the_plans_month_turns(self, driving):
        look(driving, modem(960_000_000))
        look(driving, modem(960_000_001), 31 * 86_400_000)
        assert self.minute(driving)[0] > 50

    def test_it_holds_after_a_restart_before_the_date_is_known(self, make_unit, driving):
        look(driving, modem(960_000_000))
        after = again(make_unit, driving, role="vehicle", camera=True)
        look(after, board())
        after.link()
        assert offer_photo(after) == []


def test_a_unit_without_a_cap_saves_on_nothing(make_unit):
    unit = make_unit("vehicle", camera=True)
    unit.clock("ntp")
    unit.link()
    look(unit, modem(10**12))
    assert len(offer_photo(unit)) > 0
