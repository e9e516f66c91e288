"""A record's repaired time: the original stays as it is, what it is worth is said beside it."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from wire.limits import MAX_AT_MS
from wire.records import ClockSource

Quality = Literal["gnss", "ntp", "gw", "rtc", "repaired", "none"]
RANK: dict[ClockSource, int] = {"none": 0, "rtc": 1, "gw": 2, "ntp": 3, "gnss": 4}


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
    if clock in ("gnss", "ntp", "gw") and at_ms is not None:
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
