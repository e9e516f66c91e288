"""The waves of a roll-out: who is next, when it stops, and that nobody who is away holds it up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rollout.plan import (
    ABSENT_MS,
    AT_ONCE,
    LINGER_MS,
    SILENT_MS,
    Member,
    step,
    waves,
)

NOW_MS = 1_763_890_000_000


def fleet(count, **stages):
    """`count` units, the first of them in the stages given, the others waiting; all online."""
    names = [stage.replace("_", "-") for stage, number in stages.items() for _ in range(number)]
    names += ["waiting"] * (count - len(names))
    return [Member(f"u-{n:03d}", stage, NOW_MS, True, NOW_MS) for n, stage in enumerate(names)]


@pytest.mark.parametrize(
    ("count", "targets"),
    [
        (0, ()),
        (1, (1,)),
        (5, (1, 5)),
        (10, (1, 10)),
        (11, (1, 10, 11)),
        (50, (1, 10, 50)),
        (250, (1, 10, 25, 250)),
        (500, (1, 10, 50, 500)),
    ],
)
def test_one_ten_a_tenth_all(count, targets):
    assert waves(count) == targets


@pytest.mark.parametrize(
    ("stages", "asked", "target"),
    [
        ({}, 1, 1),
        ({"ordered": 1}, 0, 1),
        ({"under_way": 1}, 0, 1),
        ({"done": 1}, 9, 10),
        ({"done": 1, "ordered": 4, "under_way": 5}, 0, 10),
        ({"done": 9, "under_way": 1}, 0, 10),
        ({"done": 10}, AT_ONCE, 50),
        ({"done": 40, "under_way": 3}, 7, 50),
        ({"done": 50}, AT_ONCE, 500),
        ({"done": 499}, 1, 500),
    ],
)
def test_a_wave_is_over_before_the_next_begins(stages, asked, target):
    made = step(fleet(500, **stages), 0, NOW_MS)
    assert (len(made.order), made.target, made.state) == (asked, target, "running")


def test_when_all_are_done_it_is_done():
    assert step(fleet(5, done=5), 0, NOW_MS).state == "done"
    assert step(fleet(5, done=4, failed=1), 1, NOW_MS).state == "done"


def test_a_failure_makes_room_for_another_until_there_are_too_many():
    made = step(fleet(50, failed=1), 1, NOW_MS)
    assert made.order == ("u-001",)
    made = step(fleet(50, failed=2), 1, NOW_MS)
    assert (made.state, made.order) == ("stopped", ())
    assert made.why == "2 failed, more than 1: u-000, u-001"


def test_who_is_away_is_passed_over():
    away = [Member("u-0", "waiting", NOW_MS, online=False), *fleet(20)]
    assert step(away, 0, NOW_MS).order == ("u-000",)
    assert step(away[:1], 0, NOW_MS) == step(away[:1], 0, NOW_MS + 10**9)


def test_an_order_without_an_answer_holds_nobody_up_for_long():
    members = fleet(20, ordered=1)
    assert step(members, 0, NOW_MS + ABSENT_MS - 1).order == ()
    assert step(members, 0, NOW_MS + ABSENT_MS).order == ("u-001",)


def test_who_took_it_and_is_not_heard_of_again_has_failed():
    gone = Member("u-0", "under-way", NOW_MS, False, NOW_MS + 5_000)
    late_ms = NOW_MS + 5_000 + SILENT_MS
    assert step([gone, *fleet(5)], 1, late_ms).silent == ()
    made = step([gone, *fleet(5)], 1, late_ms + 1)
    assert (made.silent, made.order) == (("u-0",), ("u-000",))
    assert step([gone, *fleet(5)], 0, late_ms + 1).state == "stopped"


def test_who_waits_for_a_quiet_moment_has_not_failed_and_holds_nobody_up_for_ever():
    members = fleet(5, under_way=1)
    made = step(members, 0, NOW_MS + 99 * SILENT_MS)
    assert (made.silent, made.order) == ((), ("u-001",))
    assert step(members, 0, NOW_MS + LINGER_MS - 1).order == ()


STAGES = st.sampled_from(["waiting", "ordered", "under-way", "done", "failed"])


@given(st.lists(st.tuples(STAGES, st.booleans()), max_size=120), st.integers(0, 5))
def test_whatever_the_fleet_no_wave_is_exceeded(stages, most):
    members = [Member(f"u-{n}", s, NOW_MS, on, NOW_MS) for n, (s, on) in enumerate(stages)]
    made = step(members, most, NOW_MS)
    by_name = {one.unit: one for one in members}
    busy = sum(one.stage in ("ordered", "under-way") for one in members)
    done = sum(one.stage == "done" for one in members)
    failed = sum(one.stage == "failed" for one in members)
    assert all(by_name[unit].stage == "waiting" and by_name[unit].online for unit in made.order)
    assert not made.order or (failed <= most and busy + len(made.order) <= AT_ONCE)
    assert not made.order or done + busy + len(made.order) <= made.target
    assert (made.state == "stopped") == (failed > most)
