"""Spans of records by their log: in their order, those that touch as one, and looked up by halving."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Protocol

Spans = list[tuple[int, int]]
"""From first to last, in their order; none touches another."""

LogKey = tuple[str, str, str]
"""A log: its unit, stream and name."""


class OfLog(Protocol):
    """Records `first` to `last` of a log; `first` is not above `last`."""

    @property
    def unit(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def log(self) -> str: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


def key_of(one: OfLog) -> LogKey:
    """The log that a span is of."""
    return (one.unit, one.stream, one.log)


def by_log(spans: Iterable[OfLog]) -> dict[LogKey, Spans]:
    """Spans by their log, those that touch as one."""
    found: dict[LogKey, Spans] = {}
    for one in sorted(spans, key=lambda one: (key_of(one), one.first)):
        there = found.setdefault(key_of(one), [])
        if there and one.first <= there[-1][1] + 1:
            there[-1] = (there[-1][0], max(there[-1][1], one.last))
        else:
            there.append((one.first, one.last))
    return found


def is_in(spans: Sequence[tuple[int, int]], seq: int) -> bool:
    """Whether one of `spans` has record `seq`."""
    at = bisect_right(spans, seq, key=itemgetter(0)) - 1
    return at >= 0 and seq <= spans[at][1]


def split(spans: Spans, first: int, last: int) -> Iterator[tuple[int, int, bool]]:
    """Records `first` to `last` in pieces, each with whether it lies in one of `spans`."""
    at = max(bisect_right(spans, first, key=itemgetter(0)) - 1, 0)
    while at < len(spans) and spans[at][0] <= last:
        low, high = spans[at]
        at += 1
        if high < first:
            continue
        if low > first:
            yield first, low - 1, False
        yield max(low, first), min(high, last), True
        first = high + 1
    if first <= last:
        yield first, last, False
