"""The signals can be told apart by ear alone, and each begins with something to notice."""

from itertools import combinations, pairwise
from typing import get_args

import pytest

from device.core.effects import Pattern
from hardware.panel.patterns import PATTERNS


def beeps(name):
    """How a pattern sounds: the lengths of its beeps in ms."""
    return [round(step.for_s * 1000) for step in PATTERNS[name] if step.sound]


def test_every_pattern_that_the_core_names_is_there():
    assert set(PATTERNS) == set(get_args(Pattern))


@pytest.mark.parametrize(("one", "other"), list(combinations(PATTERNS, 2)))
def test_every_two_differ_by_ear(one, other):
    """In the number of beeps, or one beep is longer by half at least than its counterpart."""
    first, second = beeps(one), beeps(other)
    pairs = [sorted(pair) for pair in zip(first, second, strict=False)]
    assert len(first) != len(second) or any(long >= 1.5 * short for short, long in pairs)


def lights(name):
    """How a pattern looks: colours and lengths of its flashes, in ms."""
    return [
        (step.green, step.red, round(step.for_s * 1000))
        for step in PATTERNS[name]
        if step.green or step.red
    ]


@pytest.mark.parametrize(("one", "other"), list(combinations(PATTERNS, 2)))
def test_every_two_differ_by_eye(one, other):
    """In the number of flashes, in a colour, or one is longer by half at least than its counterpart."""
    first, second = lights(one), lights(other)
    assert len(first) != len(second) or any(
        a[:2] != b[:2] or max(a[2], b[2]) >= 1.5 * min(a[2], b[2])
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("name", PATTERNS)
def test_flashes_and_beeps_can_be_counted(name):
    """Between two beeps, and two flashes of one, there is silence and darkness."""
    for step, following in pairwise(PATTERNS[name]):
        if step.sound:
            assert not (following.sound or following.green or following.red)


@pytest.mark.parametrize("name", PATTERNS)
def test_each_begins_with_a_beep_and_a_light_and_is_short(name):
    first = PATTERNS[name][0]
    assert first.sound
    assert first.green or first.red
    assert all(step.for_s > 0 for step in PATTERNS[name])
    assert sum(step.for_s for step in PATTERNS[name]) <= 3.0


def test_good_news_is_green_and_bad_news_is_red():
    assert not any(step.red for step in PATTERNS["accepted"] + PATTERNS["duplicate"])
    for name in ("refused", "storage_failing", "sos_sent"):
        assert not any(step.green for step in PATTERNS[name])
