"""An officer at a reader: what a box's first beep and its light mean, and what is nobody's answer."""

import pytest

from sim.chaos.officer import HOLD_NS, LATE_NS, SILENCE_NS, Officer
from sim.unit.rhythm import Edge

MS = 1_000_000
BUZZER, GREEN, RED = "GPIO18", "GPIO23", "GPIO24"


class Field:
    """A reader whose chip tells of each card 10 ms after it came."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.there: list[str] = []
        self.dumb = False

    def present(self, uid: str) -> int:
        self.there.append(uid)
        self._told_ns = self.now_ns + 10 * MS
        return self.now_ns

    def remove(self, uid: str) -> int:
        self.there.remove(uid)
        return self.now_ns

    def told_ns(self, uid: str) -> int | None:
        return None if self.dumb else self._told_ns


class Scene:
    """An officer, a field, and the time."""

    def __init__(self) -> None:
        self.field = Field()
        self.officer = Officer("cp-1", self.field, seed=1, pause_s=(0.0, 0.0))
        self.officer.working = True
        self.pass_ns(SILENCE_NS)

    def pass_ns(self, for_ns: int, *edges: tuple[str, int]) -> None:
        """Time passes; then these edges come, all at once, and are looked at."""
        self.field.now_ns += for_ns
        self.officer.look([Edge(self.field.now_ns, *edge) for edge in edges], self.field.now_ns)

    def beep(self, light: str) -> None:
        """A short beep with its light, 50 ms after the card came."""
        self.pass_ns(50 * MS, (BUZZER, 1), (light, 1))
        self.pass_ns(90 * MS, (BUZZER, 0), (light, 0))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_badge_is_held_until_it_beeps_with_a_green_light(scene: Scene) -> None:
    (answer,) = scene.officer.answers
    assert scene.field.there == [answer.tap.uid]
    scene.beep(GREEN)
    assert (answer.tap.beep_ns, answer.no) == (SILENCE_NS + 50 * MS, False)
    assert scene.field.there == []


def test_the_next_one_comes_when_the_signal_is_over(scene: Scene) -> None:
    scene.beep(GREEN)
    scene.pass_ns(SILENCE_NS - 1)
    assert not scene.officer.held
    scene.pass_ns(1)
    assert scene.officer.held
    assert len({answer.tap.uid for answer in scene.officer.answers}) == 2


def test_the_next_one_comes_sooner_when_a_light_glows_in_silence(scene: Scene) -> None:
    scene.beep(GREEN)
    scene.pass_ns(100 * MS, (GREEN, 1))
    assert scene.officer.held


def test_a_red_light_is_a_no(scene: Scene) -> None:
    scene.beep(RED)
    (answer,) = scene.officer.answers
    assert (answer.tap.beep_ns, answer.no) == (None, True)


def test_a_look_that_comes_late_sees_the_light_that_was_on(scene: Scene) -> None:
    began_ns = scene.field.now_ns + 50 * MS
    edges = [(0, BUZZER, 1), (0, GREEN, 1), (90, BUZZER, 0), (90, GREEN, 0)]
    scene.field.now_ns = began_ns + 400 * MS
    seen = [Edge(began_ns + at * MS, pin, value) for at, pin, value in edges]
    scene.officer.look(seen, scene.field.now_ns)
    assert scene.officer.answers[0].tap.beep_ns == began_ns


def test_a_glow_that_was_lit_before_the_beep_counts(scene: Scene) -> None:
    scene.beep(GREEN)
    scene.pass_ns(100 * MS, (GREEN, 1))
    scene.pass_ns(50 * MS, (BUZZER, 1))
    scene.pass_ns(90 * MS, (BUZZER, 0), (GREEN, 0))
    assert scene.officer.answers[1].tap.beep_ns is not None


def test_a_glow_that_was_over_before_the_beep_ended_the_signal_too(scene: Scene) -> None:
    scene.beep(GREEN)
    scene.pass_ns(100 * MS, (GREEN, 1))
    scene.pass_ns(50 * MS, (GREEN, 0))
    scene.beep(GREEN)
    assert scene.officer.answers[1].tap.beep_ns is not None


def test_what_beeps_before_the_chip_told_of_the_card_is_no_answer(scene: Scene) -> None:
    scene.pass_ns(5 * MS, (BUZZER, 1), (GREEN, 1))
    scene.pass_ns(90 * MS, (BUZZER, 0), (GREEN, 0))
    assert scene.officer.answers[0].tap.beep_ns is None
    assert scene.officer.held


def test_a_later_beep_of_that_signal_is_none_either(scene: Scene) -> None:
    """A part breaks: red, then three green ones; the tap itself was not taken."""
    scene.pass_ns(5 * MS, (BUZZER, 1), (RED, 1))
    scene.pass_ns(300 * MS, (BUZZER, 0), (RED, 0))
    scene.beep(GREEN)
    assert scene.officer.answers[0].tap.beep_ns is None
    scene.pass_ns(SILENCE_NS)
    scene.beep(GREEN)
    assert scene.officer.answers[0].tap.beep_ns is not None


def test_who_is_not_answered_goes_away_and_the_next_waits_longer(scene: Scene) -> None:
    scene.field.dumb = True
    scene.pass_ns(HOLD_NS + 1)
    assert not scene.officer.held
    scene.pass_ns(LATE_NS - 1)
    assert not scene.officer.held
    scene.pass_ns(1)
    assert scene.officer.held
    assert scene.officer.answers[0].tap.beep_ns is None


def test_after_the_shift_nobody_comes(scene: Scene) -> None:
    scene.officer.working = False
    scene.beep(GREEN)
    scene.pass_ns(10 * SILENCE_NS)
    assert len(scene.officer.answers) == 1
