"""The checker: what is lost, doubled, out of order or declared, from what officers heard and the platform has."""

from typing import Any

from sim.chaos.check import Found, Heal, Wound, check, out_of_order
from sim.tally import Percentiles, Received
from sim.tapper import Tap

S = 1_000_000_000


def tap(uid: str, at_s: float = 1, beep: bool = True, unit: str = "cp-1") -> Tap:
    at_ns = int(at_s * S)
    return Tap(unit, uid, at_ns, beep_ns=at_ns + 50_000_000 if beep else None)


def event(
    kind: str, identity: str, data: dict[str, Any], unit: str = "cp-1", at_s: float = 2
) -> Received:
    source = {"source": f"/units/{unit}", "type": f"cn.xunkong.{kind}.v1"}
    return int(at_s * S), {**source, "id": identity, "data": data}


def checkin(
    uid: str, seq: int, log: str = "a", unit: str = "cp-1", at_s: float = 2, up_s: float = 1
) -> Received:
    data = {"badge": uid, "up_ms": int(up_s * 1000)}
    return event("checkin", f"{unit}/event/{log}/{seq}", data, unit, at_s)


def alarm(
    up_s: float,
    unit: str = "cp-1",
    part: str = "journal",
    what: str = "records may be missing at the end",
) -> Received:
    data = {"alarm": "storage", "part": part, "up_ms": int(up_s * 1000), "what": what}
    return event("alarm", f"{unit}/event/x/{up_s}", data, unit)


def judged(
    taps: list[Tap],
    received: list[Received],
    wounds: tuple[Wound, ...] = (),
    heals: tuple[Heal, ...] = (),
    parked: tuple[str, ...] = (),
) -> Found:
    return check(taps, set(), received, wounds, heals, parked)


class TestLost:
    def test_all_well(self) -> None:
        found = judged([tap("a", 1), tap("b", 2)], [checkin("a", 1), checkin("b", 2)])
        assert (found.good, found.records, found.platform, found.lost) == (True, 2, 2, 0)

    def test_what_beeped_and_is_not_there(self) -> None:
        found = judged([tap("a"), tap("b")], [checkin("a", 1)])
        assert (found.good, found.lost, found.platform) == (False, 1, 1)
        assert "cp-1/b" in found.examples["lost"][0]

    def test_another_units_tap_of_the_same_badge_is_no_excuse(self) -> None:
        assert judged([tap("a")], [checkin("a", 1, unit="cp-2")]).lost == 1

    def test_what_never_beeped_may_be_there_or_not(self) -> None:
        found = judged([tap("a", beep=False), tap("b", beep=False)], [checkin("a", 1)])
        assert (found.good, found.no_beep, found.kept_unheard) == (True, 2, 1)


class TestDestroyed:
    WOUND = Wound("cp-1", "lost write-ahead log", 0, 5 * S)

    def test_without_a_word_it_is_lost(self) -> None:
        found = judged([tap("a")], [], (self.WOUND,))
        assert (found.lost, found.destroyed_declared) == (1, 0)

    def test_the_units_alarm_after_it_declares_it(self) -> None:
        found = judged([tap("a")], [alarm(6)], (self.WOUND,))
        assert (found.good, found.lost, found.destroyed_declared) == (True, 0, 1)

    def test_so_does_the_gateways_of_that_unit(self) -> None:
        found = judged([tap("a")], [alarm(6, unit="gw", part="cp-1")], (self.WOUND,))
        assert found.destroyed_declared == 1

    def test_so_does_a_dropped_record(self) -> None:
        dropped = event("dropped", "cp-1/event/a/9", {"up_ms": 6_000})
        assert judged([tap("a")], [dropped], (self.WOUND,)).destroyed_declared == 1

    def test_words_of_before_of_others_or_of_other_things_do_not(self) -> None:
        said = [
            alarm(4),
            alarm(6, unit="cp-2"),
            alarm(7, unit="gw", part="cp-2"),
            alarm(8, what="no room on the disk, nothing was written"),
        ]
        assert judged([tap("a")], said, (self.WOUND,)).lost == 1

    def test_a_word_after_the_next_wound_is_about_that(self) -> None:
        second = Wound("cp-1", "torn page", 8 * S, 9 * S)
        found = judged([tap("a")], [alarm(10)], (self.WOUND, second))
        assert found.lost == 1

    def test_a_tap_outside_of_what_was_at_stake_is_lost(self) -> None:
        old_image = Wound("cp-1", "old card image", 3 * S, 5 * S)
        found = judged([tap("a", 1), tap("b", 4), tap("c", 6)], [alarm(6)], (old_image,))
        assert (found.lost, found.destroyed_declared) == (2, 1)


class TestDoubledAndOrder:
    def test_one_tap_under_two_identities(self) -> None:
        found = judged([tap("a")], [checkin("a", 1), checkin("a", 2)])
        assert (found.good, found.doubled) == (False, 1)

    def test_what_a_destroyed_medium_knew_of_before_the_beep_is_noted_again(self) -> None:
        held = Tap("cp-1", "a", 1 * S, beep_ns=4 * S)
        twice = [checkin("a", 7, up_s=1.1), checkin("a", 1, log="b", up_s=3.9)]
        wound = Wound("cp-1", "lost write-ahead log", 0, 2 * S)
        found = judged([held], [*twice, alarm(3)], (wound,))
        assert (found.good, found.doubled, found.noted_again) == (True, 0, 1)

    def test_but_not_after_the_beep_nor_undeclared_nor_of_what_the_wound_did_not_take(self) -> None:
        twice = [checkin("a", 7, up_s=1.1), checkin("a", 1, log="b", up_s=3.9)]
        held = Tap("cp-1", "a", 1 * S, beep_ns=4 * S)
        wound = Wound("cp-1", "lost write-ahead log", 0, 2 * S)
        heard = Tap("cp-1", "a", 1 * S, beep_ns=int(1.2 * S))
        assert judged([heard], [*twice, alarm(3)], (wound,)).doubled == 1
        assert judged([held], twice, (wound,)).doubled == 1
        late = Wound("cp-1", "old card image", int(1.5 * S), 2 * S)
        assert judged([held], [*twice, alarm(3)], (late,)).doubled == 1
        third = [*twice, checkin("a", 2, log="b", up_s=3.95)]
        assert judged([held], [*third, alarm(3)], (wound,)).doubled == 1

    def test_one_identity_again_is_redelivered(self) -> None:
        found = judged([tap("a")], [checkin("a", 1), checkin("a", 1), checkin("a", 1)])
        assert (found.good, found.doubled, found.redelivered) == (True, 0, 2)

    def test_one_identity_with_two_contents_clashes(self) -> None:
        found = judged([tap("a")], [checkin("a", 1), checkin("b", 1)])
        assert (found.good, found.clashed) == (False, 1)

    def test_taps_that_stand_in_another_order_than_they_were_made(self) -> None:
        found = judged([tap("a", 1), tap("b", 2)], [checkin("b", 1), checkin("a", 2)])
        assert (found.good, found.out_of_order) == (False, 1)

    def test_records_that_come_behind_later_ones_but_for_those_once_parked(self) -> None:
        ids = ["u/event/a/1", "u/event/a/3", "u/event/a/2", "u/event/b/1", "u/event/a/1"]
        assert out_of_order(ids) == ["u/event/a/2"]
        assert out_of_order(ids, {"u/event/a/2"}) == []
        assert out_of_order(["u/event/a/2", "u/event/a/1/correction/b/9"]) == []


class TestRecovery:
    def heal(self, at_s: float, until_s: float) -> tuple[Heal, ...]:
        return (Heal("cp-1", "link cut", int(at_s * S), int(until_s * S)),)

    def test_is_from_the_first_tap_after_the_heal_to_the_platform(self) -> None:
        taps = [tap("a", 1), tap("b", 3), tap("c", 4)]
        received = [checkin("a", 1, at_s=3.5), checkin("b", 2, at_s=3.5), checkin("c", 3, at_s=9)]
        found = judged(taps, received, heals=self.heal(2, 60))
        assert found.recovery_ms == Percentiles(1, 500, 500, 500)
        assert found.recovery_by_kind == {"link cut": Percentiles(1, 500, 500, 500)}

    def test_is_not_told_where_the_next_trouble_came_before_it(self) -> None:
        received = [checkin("a", 1, at_s=8)]
        assert judged([tap("a", 3)], received, heals=self.heal(2, 5)).recovery_ms.n == 0
        assert judged([tap("a", 3)], received, heals=self.heal(2, 7.5)).recovery_ms.n == 1
