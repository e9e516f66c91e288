"""The roster and the repeat filter by themselves."""

from typing import get_args

import pytest

from device.core.checkin import SOUNDS, Repeats, Roster, Verdict
from wire.orders import Badge, UnitConfig
from wire.records import Result

ROSTER = Roster(
    UnitConfig(
        badges=[
            Badge("04a1b2c3", "p-1", valid_from_ms=100, valid_to_ms=200),
            Badge("04a1b2c4", "p-2", revoked=True),
        ]
    )
)


@pytest.mark.parametrize(
    ("uid", "at_ms", "person", "result"),
    [
        ("04a1b2c3", 99, "p-1", "expired"),
        ("04a1b2c3", 100, "p-1", "accepted"),
        ("04a1b2c3", 199, "p-1", "accepted"),
        ("04a1b2c3", 200, "p-1", "expired"),
        ("04a1b2c3", None, "p-1", "accepted"),
        ("04a1b2c4", 150, "p-2", "revoked"),
        ("04a1b2c4", None, "p-2", "revoked"),
        ("04a1b2ff", 150, None, "unknown"),
    ],
)
def test_what_a_badge_is_worth(uid, at_ms, person, result):
    assert ROSTER.judge(uid, at_ms) == Verdict(person, result)


def test_without_a_configuration_every_badge_is_unknown():
    assert Roster(None).judge("04a1b2c3", 150) == Verdict(None, "unknown")


def test_every_result_has_a_sound_and_only_one_sounds_like_success():
    assert [result for result, sound in SOUNDS.items() if sound == "accepted"] == ["accepted"]
    assert set(SOUNDS) == set(get_args(Result))


class TestRepeats:
    def test_within_the_window_it_is_the_same_tap(self):
        repeats = Repeats()
        repeats.remember("a", 1_000, "accepted")
        assert repeats.again("a", 10_999, 10) == "accepted"
        assert repeats.again("b", 10_999, 10) is None
        assert repeats.again("a", 11_000, 10) is None

    def test_asking_does_not_prolong_the_window(self):
        repeats = Repeats()
        repeats.remember("a", 0, "unknown")
        assert [repeats.again("a", t, 10) for t in (4_000, 9_000, 10_000)] == [
            "unknown",
            "unknown",
            None,
        ]

    def test_forgotten_the_next_is_new(self):
        repeats = Repeats()
        repeats.remember("a", 0, "accepted")
        repeats.forget("a")
        repeats.forget("never seen")
        assert repeats.again("a", 1, 10) is None

    def test_a_window_of_zero_repeats_nothing(self):
        repeats = Repeats()
        repeats.remember("a", 0, "accepted")
        assert repeats.again("a", 0, 0) is None
