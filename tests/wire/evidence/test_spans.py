"""Spans looked up and split, held against sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from wire.evidence.bundle import Span
from wire.evidence.spans import by_log, is_in, split

KEY = ("cp-01", "event", "e" * 16)
pairs = st.tuples(st.integers(1, 40), st.integers(0, 8)).map(lambda p: (p[0], p[0] + p[1]))


@given(st.lists(pairs, max_size=12), pairs)
def test_as_sets_of_numbers(some, asked):
    spans = by_log(Span(*KEY, *one) for one in some).get(KEY, [])
    numbers = {n for first, last in some for n in range(first, last + 1)}
    assert {n for n in range(60) if is_in(spans, n)} == numbers
    first, last = asked
    told = [
        (n, there) for low, high, there in split(spans, first, last) for n in range(low, high + 1)
    ]
    assert told == [(n, n in numbers) for n in range(first, last + 1)]


def test_those_that_touch_are_one():
    some = [Span(*KEY, 4, 6), Span(*KEY, 1, 3), Span(*KEY, 8, 9)]
    assert by_log(some) == {KEY: [(1, 6), (8, 9)]}
