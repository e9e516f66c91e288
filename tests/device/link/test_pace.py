"""How much may be handed over: one second of the link as measured, never less than the floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.link.pace import FLOOR_BYTES, MEASURE_BYTES, START_BYTES_S, Pace


@pytest.fixture
def pace():
    return Pace()


def drive(pace, size, taken_after_ms, times):
    """Hands over `times` messages one after another, each taken after so long."""
    for token in range(times):
        pace.handed(token, size, token * taken_after_ms)
        pace.taken(token, (token + 1) * taken_after_ms)


def test_begins_with_a_fair_guess(pace):
    assert pace.room() == START_BYTES_S


def test_what_waits_takes_room_until_it_is_taken(pace):
    pace.handed(1, 40_000, 0)
    pace.handed(2, 20_000, 0)
    assert pace.room() == START_BYTES_S - 60_000
    pace.taken(2, 1)
    pace.handed(3, 1_000, 1)
    assert pace.room() <= int(pace._bytes_s) - 41_000


@pytest.mark.parametrize("rate", [20_000, 100_000, 1_000_000])
def test_learns_the_rate_of_the_link(pace, rate):
    drive(pace, rate // 2, 500, 40)
    assert pace.room() == pytest.approx(rate, rel=0.01)


def test_a_slow_link_keeps_the_floor(pace):
    drive(pace, 4096, 10_000, 40)
    assert pace.room() == FLOOR_BYTES


def test_small_messages_say_nothing_of_the_rate(pace):
    pace.handed(1, MEASURE_BYTES - 1, 0)
    pace.taken(1, 5_000)
    assert pace.room() == START_BYTES_S


def test_waiting_without_traffic_is_not_held_against_the_link(pace):
    for token in range(40):
        pace.handed(token, 10_000, token * 60_000)
        pace.taken(token, token * 60_000 + 100)
    assert pace.room() == pytest.approx(100_000, rel=0.01)


def test_a_new_connection_is_learned_anew(pace):
    drive(pace, 4096, 10_000, 40)
    pace.handed(99, 4096, 400_000)
    pace.forget()
    assert pace.room() == START_BYTES_S
    pace.taken(99, 400_001)
    assert pace.room() == START_BYTES_S


def test_an_unknown_token_changes_nothing(pace):
    pace.handed(1, 9_000, 0)
    pace.taken(7, 10)
    assert pace.room() == START_BYTES_S - 9_000


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60_000), st.integers(0, 9_000))))
def test_never_more_than_the_link_and_the_floor(steps):
    pace, up_ms = Pace(), 0
    waiting = {}
    for token, size, after_ms in steps:
        up_ms += after_ms
        if token in waiting:
            pace.taken(token, up_ms)
            del waiting[token]
        elif size <= pace.room():
            pace.handed(token, size, up_ms)
            waiting[token] = size
        assert pace.room() >= FLOOR_BYTES - sum(waiting.values())
        assert waiting or pace.room() >= FLOOR_BYTES


class TestARoundTrip:
    def alone(self, pace, token, up_ms, took_ms):
        pace.handed(token, 300, up_ms)
        pace.taken(token, up_ms + took_ms)

    def test_is_not_known_at_first(self, pace):
        assert pace.trip_ms() == 0

    def test_is_what_a_message_alone_takes_at_the_least(self, pace):
        for token, took_ms in enumerate((900, 850, 1_400)):
            self.alone(pace, token, 2_000 * token, took_ms)
        assert pace.trip_ms() == 850

    def test_messages_beside_others_tell_nothing_of_it(self, pace):
        pace.handed(1, 300, 0)
        pace.handed(2, 300, 0)
        pace.taken(1, 40)
        pace.taken(2, 80)
        assert pace.trip_ms() == 0

    def test_is_measured_anew_after_a_while_and_on_a_new_connection(self, pace):
        self.alone(pace, 1, 0, 50)
        self.alone(pace, 2, 62_000, 800)
        assert pace.trip_ms() == 800
        pace.forget()
        assert pace.trip_ms() == 0
