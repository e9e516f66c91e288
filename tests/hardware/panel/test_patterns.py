"""The signals can be told apart by ear alone, and each begins with something to notice."""

from itertools import combinations
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
    """In the number of beeps, or in their length by half at least."""
    first, second = beeps(one), beeps(other)
    short, long = sorted((first[0], second[0]))
    assert len(first) != len(second) or long >= 1.5 * short


@pytest.mark.parametrize("name", PATTERNS)
def test_each_begins_with_a_beep_and_a_light_and_is_short(name):
    first = PATTERNS[name][0]
    assert first.sound
    assert first.green or first.red
    assert all(step.for_s > 0 for step in PATTERNS[name])
    assert sum(step.for_s for step in PATTERNS[name]) <= 2.0


def test_good_news_is_green_and_bad_news_is_red():
    assert not any(step.red for step in PATTERNS["accepted"] + PATTERNS["duplicate"])
    for name in ("refused", "storage_failing", "sos_sent"):
        assert not any(step.green for step in PATTERNS[name])
