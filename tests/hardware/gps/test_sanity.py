"""Dates and places that cannot be."""

import pytest

from hardware.gps.sanity import AGREE, DAY_MS, ROLLOVER_MS, Clock, Way, metres

FLOOR_DAY = 20_089
FLOOR_MS = FLOOR_DAY * DAY_MS


def test_a_date_before_the_floor_is_refused_even_by_a_rollover() -> None:
    clock = Clock(FLOOR_MS)
    assert clock.refusal(FLOOR_DAY - 1, DAY_MS - 1) == "date too early"
    assert clock.refusal(FLOOR_DAY + 100 - 7168, 0) == "date too early"
    assert clock.refusal(FLOOR_DAY, 0) == ""


def test_a_date_a_rollover_after_the_floor_is_refused() -> None:
    clock = Clock(FLOOR_MS)
    assert clock.refusal(FLOOR_DAY + 7167, DAY_MS - 1) == ""
    assert clock.refusal(FLOOR_DAY + ROLLOVER_MS // DAY_MS, 0) == "date too late"


def test_without_a_date_ever_there_is_no_time() -> None:
    assert Clock(FLOOR_MS).carried(1000, 5000) is None


def test_a_time_without_date_is_carried_over_midnight_and_over_days() -> None:
    clock = Clock(FLOOR_MS)
    late_ms = DAY_MS - 1000
    assert clock.set(FLOOR_DAY, late_ms, 0) == FLOOR_MS + late_ms
    assert clock.carried(late_ms + 500, 500) == FLOOR_MS + late_ms + 500
    assert clock.carried(0, 1000) == FLOOR_MS + DAY_MS
    assert clock.carried(0, 990) == FLOOR_MS + DAY_MS
    assert clock.carried(late_ms, 10) == FLOOR_MS + late_ms
    assert clock.carried(0, 1000 + 3 * DAY_MS) == FLOOR_MS + 4 * DAY_MS


@pytest.mark.parametrize(
    ("there", "expected_m"),
    [
        ((0.0, 0.0), 0.0),
        ((1.0, 0.0), 111_195.1),
        ((0.0, 1.0), 111_195.1),
        ((0.0, 180.0), 20_015_115),
    ],
)
def test_metres(there: tuple[float, float], expected_m: float) -> None:
    assert metres(0.0, 0.0, *there) == pytest.approx(expected_m, abs=1)


def test_a_place_that_can_be_reached_is_allowed() -> None:
    way = Way()
    assert way.allows(27.24, 111.47, 0)
    assert way.allows(27.2413, 111.47, 1000)


def test_a_jump_is_refused_and_the_old_place_holds() -> None:
    way = Way()
    assert way.allows(27.24, 111.47, 0)
    assert not way.allows(28.24, 111.47, 1000)
    assert way.allows(27.24, 111.47, 2000)


def test_a_new_place_that_holds_is_believed_after_some_fixes() -> None:
    way = Way()
    way.allows(27.24, 111.47, 0)
    answers = [way.allows(28.24, 111.47, at_ms) for at_ms in range(1000, 1000 * (AGREE + 3), 1000)]
    assert answers == [False] * (AGREE - 1) + [True] * 3


def test_places_that_jump_about_are_never_believed() -> None:
    way = Way()
    way.allows(27.24, 111.47, 0)
    assert not any(
        way.allows(28 + at_ms / 1000, 111.47, at_ms) for at_ms in range(1000, 30_000, 1000)
    )


def test_a_far_place_is_reached_in_time() -> None:
    way = Way()
    way.allows(27.24, 111.47, 0)
    assert way.allows(28.24, 111.47, 1_700_000)
