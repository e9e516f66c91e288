"""Compares what was presented to the units with what the store and the platform have. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from sim.tapper import Tap
from wire.batch import decode_record
from wire.records import Track
from wire.track import TrackFix, unfold

UNDATED_MS = 400
"""How far a fix that was dated afterwards may be from its epoch."""

Received = tuple[int, Mapping[str, Any]]
"""CLOCK_MONOTONIC ns of receipt, and the CloudEvent."""


class UnitTally(Struct, frozen=True):
    """One unit. What is recorded: taps that beeped, or fixes that the receiver sent.

    `doubled`: one tap or fix under two identities. `redelivered`: one identity more than once.
    """

    unit: str
    role: str
    recorded: int
    committed: int
    platform: int
    lost: int
    doubled: int
    redelivered: int
    no_beep: int = 0


class Percentiles(Struct, frozen=True):
    """Of `n` values in milliseconds; None without any."""

    n: int
    p50: float | None
    p99: float | None
    max: float | None


class Report(Struct, frozen=True):
    """What the demo found; latencies in milliseconds.

    `tap_to_platform_ms` is of the taps while broker and unit were there, `tap_to_platform_disturbed_ms`
    of the others. `no_beep`: taps that were cut off in mid-tap, and whether they came through.
    """

    units: list[UnitTally]
    recorded: int
    committed: int
    platform: int
    lost: int
    doubled: int
    redelivered: int
    no_beep: list[dict[str, str | bool]]
    tap_to_beep_ms: Percentiles
    tap_to_platform_ms: Percentiles
    tap_to_platform_disturbed_ms: Percentiles
    broker: str
    seconds: float


def percentiles(values_ms: Iterable[float]) -> Percentiles:
    """By nearest rank."""
    ordered = sorted(values_ms)
    if not ordered:
        return Percentiles(0, None, None, None)

    def at(share: float) -> float:
        rank = max(1, -(-int(share * 100 * len(ordered)) // 10_000))
        return round(ordered[rank - 1], 2)

    return Percentiles(len(ordered), at(50), at(99), round(ordered[-1], 2))


def checkpoint(
    unit: str,
    taps: Sequence[Tap],
    committed: Iterable[Mapping[str, Any]],
    received: Iterable[Received],
) -> UnitTally:
    """Taps against check-ins, by badge: each tap has a badge of its own."""
    kept = {row["record"]["badge"] for row in committed if row["unit"] == unit}
    identities: dict[str, Counter[str]] = defaultdict(Counter)
    for _, event in received:
        if event["source"] == f"/units/{unit}" and event["type"] == "cn.xunkong.checkin.v1":
            identities[event["data"]["badge"]][event["id"]] += 1
    beeped = [tap.uid for tap in taps if tap.beep_ns is not None]
    return UnitTally(
        unit=unit,
        role="checkpoint",
        recorded=len(beeped),
        committed=sum(uid in kept for uid in beeped),
        platform=sum(uid in identities for uid in beeped),
        lost=sum(uid not in kept or uid not in identities for uid in beeped),
        doubled=sum(len(ids) > 1 for ids in identities.values()),
        redelivered=sum(count - 1 for ids in identities.values() for count in ids.values()),
        no_beep=len(taps) - len(beeped),
    )


def vehicle(
    unit: str,
    sent_utc_ms: Sequence[int],
    committed: Iterable[Mapping[str, Any]],
    received: Iterable[Received],
) -> UnitTally:
    """Fixes by the receiver's time: each epoch has a time of its own."""
    kept = [row["record"] for row in committed if row["unit"] == unit]
    requests: Counter[str] = Counter()
    tracks: dict[str, Mapping[str, Any]] = {}
    for _, event in received:
        if event["source"] == f"/units/{unit}" and event["type"] == "cn.xunkong.track.v1":
            requests[event["id"]] += 1
            tracks[event["id"]] = event["data"]
    in_store = _matched(sent_utc_ms, kept)
    at_platform = _matched(sent_utc_ms, tracks.values())
    return UnitTally(
        unit=unit,
        role="vehicle",
        recorded=len(sent_utc_ms),
        committed=len(in_store),
        platform=len(at_platform),
        lost=sum(not (at in in_store and at in at_platform) for at in sent_utc_ms),
        doubled=sum(count > 1 for count in at_platform.values()),
        redelivered=sum(count - 1 for count in requests.values()),
    )


def _matched(sent_utc_ms: Sequence[int], records: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """How often each epoch that was sent is among the fixes of `records`.

    A fix that was kept before the unit had a clock is dated by what its record says of it later.
    """
    found: Counter[int] = Counter()
    undated: list[int] = []
    for record in records:
        for fix in _fixes(record):
            if fix.at_ms is not None:
                found[fix.at_ms] += 1
            elif record["at_ms"] is not None:
                undated.append(record["at_ms"] - record["up_ms"] + fix.up_ms)
    for at_ms in undated:
        left = [sent for sent in sent_utc_ms if sent not in found]
        nearest = min(left, key=lambda sent: abs(sent - at_ms), default=at_ms)
        found[nearest if abs(nearest - at_ms) <= UNDATED_MS else at_ms] += 1
    return Counter({at_ms: count for at_ms, count in found.items() if at_ms in set(sent_utc_ms)})


def _fixes(record: Mapping[str, Any]) -> list[TrackFix]:
    track = decode_record(json.dumps(record).encode())
    return list(unfold(track)) if isinstance(track, Track) else []


def tap_to_beep(taps: Iterable[Tap]) -> Percentiles:
    """From `present` to the buzzer pin's edge."""
    return percentiles(
        (tap.beep_ns - tap.presented_ns) / 1e6 for tap in taps if tap.beep_ns is not None
    )


def tap_to_platform(taps: Iterable[Tap], received: Iterable[Received], calm: bool) -> Percentiles:
    """From `present` to the platform's receipt, for the taps that were `calm`, or for the others."""
    first: dict[tuple[str, str], int] = {}
    for received_ns, event in received:
        if event["type"] == "cn.xunkong.checkin.v1":
            unit = event["source"].removeprefix("/units/")
            first.setdefault((unit, event["data"]["badge"]), received_ns)
    return percentiles(
        (first[tap.unit, tap.uid] - tap.presented_ns) / 1e6
        for tap in taps
        if tap.calm is calm and (tap.unit, tap.uid) in first
    )
