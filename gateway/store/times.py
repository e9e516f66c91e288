"""A record's repaired time: the original stays as it is, what it is worth is said beside it.

Where the time was never learned there are bounds: of a boot's start, hence of each of its records.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from wire.limits import MAX_AT_MS
from wire.records import ClockSource

Quality = Literal["gnss", "ntp", "gw", "rtc", "repaired", "bounded", "none"]
RANK: dict[ClockSource, int] = {"none": 0, "rtc": 1, "gw": 2, "ntp": 3, "gnss": 4}
TRUSTED: tuple[ClockSource, ...] = ("gnss", "ntp", "gw")
DRIFT_PPM = 50
"""How fast a Pi's crystal may wander: `up_ms` is that much in doubt."""


class BootAnchor(Struct, frozen=True):
    """What a unit learned of the time in one boot: at `up_ms` it was `utc_ms`, within `err_ms`."""

    up_ms: int
    utc_ms: int
    err_ms: int
    source: ClockSource
    pos: int = 0


class RepairedTime(Struct, frozen=True):
    """UTC ms, None where it will never be known from what is here; and where it comes from."""

    utc_ms: int | None
    quality: Quality


def repaired(row: Mapping[Any, Any], anchor: BootAnchor | None) -> RepairedTime:
    """The time of a record (`clock`, `at_ms`, `up_ms` as stored), with its boot's anchor if known."""
    clock, at_ms, up_ms = row["clock"], row["at_ms"], row["up_ms"]
    if clock in TRUSTED and at_ms is not None:
        return RepairedTime(at_ms, clock)
    if anchor is not None and up_ms is not None:
        utc_ms = anchor.utc_ms + up_ms - anchor.up_ms
        if 0 <= utc_ms <= MAX_AT_MS:
            return RepairedTime(utc_ms, "repaired")
    if clock == "rtc" and at_ms is not None:
        return RepairedTime(at_ms, "rtc")
    return RepairedTime(None, "none")


def better(new: BootAnchor, held: BootAnchor | None) -> bool:
    """Whether `new` says more of the time than `held`."""
    if held is None or RANK[new.source] > RANK[held.source]:
        return True
    return RANK[new.source] == RANK[held.source] and new.err_ms < held.err_ms


# Bounds


class Bounds(Struct, frozen=True):
    """Not before `earliest_ms`, not after `latest_ms`, UTC; None: nothing is known on that side."""

    earliest_ms: int | None = None
    latest_ms: int | None = None


class Moment(Struct, frozen=True):
    """A record whose time is known: at its boot's `up_ms` it was `utc_ms`, within `err_ms`."""

    up_ms: int
    utc_ms: int
    err_ms: int


UNBOUNDED = Bounds()


def starts_after(moment: Moment) -> Bounds:
    """A boot that follows a record of another one began after it."""
    return Bounds(earliest_ms=moment.utc_ms - moment.err_ms)


def starts_before(moment: Moment, up_ms: int) -> Bounds:
    """A boot that ran for `up_ms` and precedes a record of another one, which had to start first."""
    other_ms = moment.utc_ms + moment.err_ms - moment.up_ms + _drift(moment.up_ms)
    return Bounds(latest_ms=other_ms - up_ms + _drift(up_ms))


def starts_with(moment: Moment) -> Bounds:
    """A record of the boot itself dates it."""
    start_ms, off_ms = moment.utc_ms - moment.up_ms, moment.err_ms + _drift(moment.up_ms)
    return Bounds(start_ms - off_ms, start_ms + off_ms)


def starts_by_receipt(heard_ms: int, up_ms: int) -> Bounds:
    """Received `heard_ms` after 1970 and its own `up_ms`, at most `up_ms` into the boot."""
    return Bounds(latest_ms=heard_ms + _drift(up_ms))


def narrowed(all_bounds: Iterable[Bounds]) -> Bounds:
    """What all of them allow; nothing is claimed where they contradict each other."""
    found = list(all_bounds)
    earliest_ms = max((b.earliest_ms for b in found if b.earliest_ms is not None), default=None)
    latest_ms = min((b.latest_ms for b in found if b.latest_ms is not None), default=None)
    if earliest_ms is not None and latest_ms is not None and earliest_ms > latest_ms:
        return UNBOUNDED
    return Bounds(earliest_ms, latest_ms)


def bounds_of(row: Mapping[Any, Any], start: Bounds) -> Bounds:
    """When a record (`up_ms`, `received_ms` as stored) can have been, if its boot began within `start`."""
    up_ms, received_ms = row["up_ms"], row["received_ms"]
    if up_ms is None:
        return Bounds(None, received_ms)
    earliest_ms, latest_ms = start.earliest_ms, start.latest_ms
    if earliest_ms is not None:
        earliest_ms = _ours(earliest_ms + up_ms - _drift(up_ms))
    if latest_ms is not None:
        latest_ms = _ours(min(latest_ms + up_ms + _drift(up_ms), received_ms))
    return Bounds(earliest_ms, latest_ms)


def _ours(utc_ms: int) -> int | None:
    """A moment that can be written down; None for one before 1970 or after 2100."""
    return utc_ms if 0 <= utc_ms <= MAX_AT_MS else None


def _drift(up_ms: int) -> int:
    return up_ms * DRIFT_PPM // 1_000_000
