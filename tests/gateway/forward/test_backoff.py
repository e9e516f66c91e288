"""Pauses that double, within bounds, jittered, and never shorter than asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forward.backoff import Backoff


@pytest.mark.parametrize(
    ("chance", "pauses"),
    [(1.0, [0.5, 1, 2, 4, 8, 16, 32, 60, 60]), (0.0, [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30])],
)
def test_it_doubles_up_to_the_longest(chance, pauses):
    backoff = Backoff(0.5, 60.0, lambda: chance)
    assert [backoff.wait_s() for _ in pauses] == pauses


def test_a_success_begins_anew():
    backoff = Backoff(0.5, 60.0, lambda: 1.0)
    assert [backoff.wait_s(), backoff.wait_s()] == [0.5, 1.0]
    backoff.reset()
    assert backoff.wait_s() == 0.5


def test_it_never_waits_less_than_asked():
    backoff = Backoff(0.5, 60.0, lambda: 1.0)
    assert [backoff.wait_s(90.0), backoff.wait_s(0.1)] == [90.0, 1.0]


@given(tries=st.integers(1, 3000))
def test_it_is_bounded_for_ever(tries):
    backoff = Backoff(0.5, 60.0)
    assert all(0.25 <= backoff.wait_s() <= 60.0 for _ in range(tries))
