"""Every signal of the panel is told by its rhythm."""

import pytest

from hardware.panel.patterns import PATTERNS, RHYTHMS
from sim.unit.rhythm import Ear, Edge, named


def edges(name: str) -> list[Edge]:
    found, at_ns, sounding = [], 1_000_000_000, False
    for step in PATTERNS[name]:
        if step.sound != sounding:
            found.append(Edge(at_ns, "GPIO18", int(step.sound)))
        sounding = step.sound
        at_ns += int(step.for_s * 1e9)
    return [*found, Edge(at_ns, "GPIO18", 0)] if sounding else found


@pytest.mark.parametrize("name", RHYTHMS)
def test_each_signal_is_heard_by_name_and_only_once(name: str) -> None:
    ear, played = Ear(), edges(name)
    assert [ear.take(edge) for edge in played] == [None] * len(played)
    last_ns = played[-1].mono_ns
    assert ear.quiet(last_ns + 100_000_000) is None
    assert ear.quiet(last_ns + 300_000_000) == name
    assert ear.quiet(last_ns + 900_000_000) is None


def test_the_next_signal_ends_the_one_before() -> None:
    ear = Ear()
    for edge in edges("accepted"):
        ear.take(edge)
    assert ear.take(Edge(3_000_000_000, "GPIO18", 1)) == "accepted"


@pytest.mark.parametrize("beeps", [".-.-", "-----.", "....-.-"])
def test_what_is_no_signal_is_called_none(beeps: str) -> None:
    assert named(beeps) == f"? {beeps}"


def test_lights_are_followed_and_go_out_with_the_unit() -> None:
    ear = Ear()
    ear.take(Edge(1, "GPIO23", 1))
    assert ear.lit == {"buzzer": False, "green": True, "red": False}
    ear.dark()
    assert not any(ear.lit.values())
