"""The sounds of verdicts, and the repeat filter by itself."""

from typing import get_args

from device.core.checkin import SOUNDS, Repeats
from wire.records import Result


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
