"""The schedule: the same for the same seed, every kind, one fault of a target at a time."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from sim.chaos.schedule import BY_NAME, KINDS, LANES, QUIET_S, REST_S, Fault, schedule

UNITS = [f"cp-{number:02d}" for number in range(1, 21)]


@pytest.fixture(params=range(10))
def faults(request: pytest.FixtureRequest) -> tuple[Fault, ...]:
    return schedule(request.param, 240, UNITS, 200)


def test_the_same_seed_gives_the_same_faults_and_another_others() -> None:
    assert schedule(7, 90, UNITS, 75) == schedule(7, 90, UNITS, 75)
    assert schedule(7, 90, UNITS, 75) != schedule(8, 90, UNITS, 75)


def test_there_are_as_many_as_were_asked_for_and_of_every_kind(faults: tuple[Fault, ...]) -> None:
    assert len(faults) == 200
    assert len({fault.kind for fault in faults}) >= len(KINDS) - 2


def test_they_come_in_order_and_leave_beginning_and_end_alone(faults: tuple[Fault, ...]) -> None:
    assert [f.at_s for f in faults] == sorted(f.at_s for f in faults)
    assert min(f.at_s for f in faults) >= QUIET_S[0]
    assert max(f.at_s + f.lasts_s for f in faults) <= 240 - QUIET_S[1] + 0.01


def test_a_target_has_one_at_a_time_and_rests_between_them(faults: tuple[Fault, ...]) -> None:
    by_lane = defaultdict(list)
    for fault in faults:
        where = BY_NAME[fault.kind].where
        for lane in LANES.get(where, (fault.target,)):
            by_lane[lane].append(fault)
    for of_lane in by_lane.values():
        for before, after in pairwise(of_lane):
            assert after.at_s >= before.at_s + before.lasts_s + REST_S - 0.01


def test_targets_and_lengths_are_those_of_the_kind(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        kind = BY_NAME[fault.kind]
        assert fault.target in (UNITS if kind.where == "unit" else [kind.where])
        assert kind.lasts_s[0] - 0.01 <= fault.lasts_s <= kind.lasts_s[1] + 0.01


def test_kinds_that_cannot_be_done_are_left_out() -> None:
    without = {"disk full", "link dead"}
    kinds = Counter(fault.kind for fault in schedule(1, 240, UNITS, 200, without))
    assert not without & set(kinds)


def test_what_has_no_room_is_left_out_rather_than_crowded() -> None:
    assert len(schedule(1, 30, ["cp-01"], 1000)) < 100
