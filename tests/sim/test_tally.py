"""The count at the end, on data made up to be wrong in each way that it must find."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest

from sim import tally
from sim.tally import Percentiles, Received, UnitTally
from sim.tapper import Tap
from wire.records import Track
from wire.track import TrackFix, columns

UTC0 = 1_763_890_000_000
MS = 1_000_000


def tap(uid: str, beep_ms: int | None = 5, unit: str = "cp-1", calm: bool = True) -> Tap:
    beep_ns = None if beep_ms is None else 1_000 * MS + beep_ms * MS
    return Tap(unit, uid, 1_000 * MS, beep_ns=beep_ns, calm=calm)


def committed(uid: str, unit: str = "cp-1") -> dict[str, Any]:
    return {"unit": unit, "record": {"badge": uid}}


def checkin(uid: str, identity: str, at_ms: int = 1_020, unit: str = "cp-1") -> Received:
    kind = "cn.xunkong.checkin.v1"
    event = {"source": f"/units/{unit}", "type": kind, "id": identity, "data": {"badge": uid}}
    return at_ms * MS, event


class TestCheckpoint:
    def test_all_well(self) -> None:
        found = tally.checkpoint(
            "cp-1", [tap("a"), tap("b")], [committed("a"), committed("b")], both("a", "b")
        )
        assert found == UnitTally("cp-1", "checkpoint", 2, 2, 2, lost=0, doubled=0, redelivered=0)

    @pytest.mark.parametrize(
        ("store", "platform", "counts"),
        [(["a"], ["a", "b"], (1, 2)), (["a", "b"], ["a"], (2, 1)), (["a"], ["a"], (1, 1))],
        ids=["not in the store", "not at the platform", "nowhere"],
    )
    def test_lost(self, store: list[str], platform: list[str], counts: tuple[int, int]) -> None:
        taps = [tap("a"), tap("b")]
        found = tally.checkpoint("cp-1", taps, map(committed, store), both(*platform))
        assert (found.committed, found.platform) == counts
        assert (found.lost, found.doubled) == (1, 0)

    def test_a_tap_without_a_beep_is_not_lost(self) -> None:
        found = tally.checkpoint("cp-1", [tap("a", beep_ms=None)], [], [])
        assert (found.recorded, found.lost, found.no_beep) == (0, 0, 1)

    def test_doubled_is_one_badge_under_two_identities(self) -> None:
        received = [checkin("a", "1"), checkin("a", "2")]
        found = tally.checkpoint("cp-1", [tap("a")], [committed("a")], received)
        assert (found.doubled, found.redelivered, found.platform) == (1, 0, 1)

    def test_doubled_without_a_beep_counts_as_well(self) -> None:
        received = [checkin("a", "1"), checkin("a", "2")]
        found = tally.checkpoint("cp-1", [tap("a", beep_ms=None)], [committed("a")], received)
        assert found.doubled == 1

    def test_redelivered_is_one_identity_again(self) -> None:
        received = [checkin("a", "1"), checkin("a", "1"), checkin("a", "1")]
        found = tally.checkpoint("cp-1", [tap("a")], [committed("a")], received)
        assert (found.doubled, found.redelivered) == (0, 2)

    def test_other_units_and_other_events_do_not_count(self) -> None:
        other = checkin("a", "1", unit="cp-2")
        boot = (0, {**checkin("a", "2")[1], "type": "cn.xunkong.boot.v1", "data": {}})
        found = tally.checkpoint("cp-1", [tap("a")], [committed("a", unit="cp-2")], [other, boot])
        assert (found.committed, found.platform, found.lost) == (0, 0, 1)


def both(*uids: str) -> list[Received]:
    return [checkin(uid, f"id-{uid}") for uid in uids]


def fix(at_ms: int | None, up_ms: int) -> TrackFix:
    return TrackFix(at_ms, up_ms, 27.24, 111.47, 8.0, 90.0, 2.0, 9)


def track(*fixes: TrackFix, at_ms: int | None = None) -> dict[str, Any]:
    """A record as JSON would give it, written when its last fix came."""
    first, last = fixes[0], fixes[-1]
    written_ms = at_ms if at_ms is not None else last.at_ms
    record = Track(
        boot="9c1b22f0",
        up_ms=last.up_ms,
        at_ms=written_ms,
        clock="gnss" if written_ms else "none",
        clock_err_ms=None,
        t0_ms=first.at_ms,
        up0_ms=first.up_ms,
        **columns(list(fixes)),
    )
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))
    return decoded


def vehicle(
    sent: list[int], store: Iterable[dict[str, Any]], platform: Iterable[tuple[str, dict[str, Any]]]
) -> UnitTally:
    rows: list[Mapping[str, Any]] = [{"unit": "v-1", "record": record} for record in store]
    kind = "cn.xunkong.track.v1"
    head = {"source": "/units/v-1", "type": kind}
    received = [(0, {**head, "id": identity, "data": data}) for identity, data in platform]
    return tally.vehicle("v-1", sent, rows, received)


class TestVehicle:
    SENT = (UTC0, UTC0 + 1000, UTC0 + 2000)

    def whole(self) -> dict[str, Any]:
        return track(*(fix(at_ms, at_ms - UTC0) for at_ms in self.SENT))

    def test_all_well(self) -> None:
        found = vehicle([*self.SENT], [self.whole()], [("1", self.whole())])
        assert found == UnitTally("v-1", "vehicle", 3, 3, 3, lost=0, doubled=0, redelivered=0)

    def test_lost(self) -> None:
        part = track(fix(UTC0, 0), fix(UTC0 + 2000, 2000))
        found = vehicle([*self.SENT], [self.whole()], [("1", part)])
        assert (found.committed, found.platform, found.lost) == (3, 2, 1)
        found = vehicle([*self.SENT], [part], [("1", self.whole())])
        assert (found.committed, found.platform, found.lost) == (2, 3, 1)

    def test_doubled_is_one_fix_in_two_records(self) -> None:
        again = track(fix(UTC0, 0))
        found = vehicle([*self.SENT], [self.whole()], [("1", self.whole()), ("2", again)])
        assert (found.doubled, found.redelivered) == (1, 0)

    def test_redelivered_is_one_record_again(self) -> None:
        found = vehicle([*self.SENT], [self.whole()], [("1", self.whole()), ("1", self.whole())])
        assert (found.doubled, found.redelivered) == (0, 1)

    def test_a_fix_without_a_clock_is_dated_by_its_record(self) -> None:
        late = track(fix(None, 5_000), fix(None, 6_000), at_ms=UTC0 + 1_100)
        found = vehicle([UTC0, UTC0 + 1000], [late], [("1", late)])
        assert (found.platform, found.lost, found.doubled) == (2, 0, 0)

    def test_a_fix_dated_far_off_is_none_that_was_sent(self) -> None:
        late = track(fix(None, 5_000), at_ms=UTC0 + 700)
        assert vehicle([UTC0], [late], [("1", late)]).lost == 1


class TestPercentiles:
    def test_of_nothing(self) -> None:
        assert tally.percentiles([]) == Percentiles(0, None, None, None)

    def test_of_one(self) -> None:
        assert tally.percentiles([3.14159]) == Percentiles(1, 3.14, 3.14, 3.14)

    def test_go_by_nearest_rank(self) -> None:
        assert tally.percentiles(range(100, 0, -1)) == Percentiles(100, 50, 99, 100)
        assert tally.percentiles([1, 2, 3]) == Percentiles(3, 2, 3, 3)


class TestLatency:
    def test_tap_to_beep_leaves_the_silent_out(self) -> None:
        assert tally.tap_to_beep([tap("a", 7), tap("b", None)]) == Percentiles(1, 7, 7, 7)

    def test_tap_to_platform_is_to_the_first_receipt_and_by_calm(self) -> None:
        taps = [tap("a"), tap("b", calm=False), tap("c")]
        received = [
            checkin("a", "1", at_ms=1_020),
            checkin("a", "1", at_ms=1_500),
            checkin("b", "2", at_ms=1_300),
            checkin("c", "1", at_ms=1_010, unit="cp-2"),
        ]
        assert tally.tap_to_platform(taps, received, calm=True) == Percentiles(1, 20, 20, 20)
        assert tally.tap_to_platform(taps, received, calm=False) == Percentiles(1, 300, 300, 300)
