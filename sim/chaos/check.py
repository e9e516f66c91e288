"""Compares what officers were told to count with what the platform has. Pure; asks neither units nor gateway.

A tap that beeped must be at the platform once, in the order of its log. What a medium that was damaged on
purpose took with it must have been declared by the system itself, after that and for that unit.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct

from sim.tally import Percentiles, Received, percentiles
from sim.tapper import Tap
from wire.topics import GATEWAY

CHECKIN, DROPPED, ALARM = (f"cn.xunkong.{kind}.v1" for kind in ("checkin", "dropped", "alarm"))
WORDS = ("may be missing", "was begun", "began beside", "forked at", "are gone")
"""Of an alarm that says so of a unit's records; a card that is full has other words."""

SETTLED_NS = 5_000_000_000
SHOWN = 20
"""Examples of each thing that is wrong."""


class Wound(Struct, frozen=True):
    """A medium was damaged on purpose at `to_ns` (CLOCK_MONOTONIC): what was kept since `from_ns` is at stake."""

    unit: str
    kind: str
    from_ns: int
    to_ns: int


class Heal(Struct, frozen=True):
    """The link of `unit` was whole again at `at_ns`, and stayed so until `until_ns`, as all beyond it was."""

    unit: str
    kind: str
    at_ns: int
    until_ns: int


class Found(Struct, frozen=True):
    """What the check found. `records`: taps that beeped; `platform`: those of them that are there.

    `doubled`: taps under two identities. `noted_again`: such too, but the medium that knew of the first was
    destroyed, by its own word, before the officer had heard anything. `redelivered`: deliveries of what was
    delivered before; `clashed`: identities that came with two contents. `kept_unheard`: taps that never
    beeped, and are there.
    """

    records: int
    platform: int
    lost: int
    doubled: int
    noted_again: int
    out_of_order: int
    destroyed_declared: int
    redelivered: int
    clashed: int
    no_beep: int
    told_no: int
    kept_unheard: int
    recovery_ms: Percentiles
    recovery_by_kind: dict[str, Percentiles]
    examples: dict[str, list[str]]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.out_of_order or self.clashed)


def check(
    taps: Sequence[Tap],
    told_no: Collection[tuple[str, str]],
    received: Sequence[Received],
    wounds: Sequence[Wound],
    heals: Sequence[Heal],
    parked: Collection[str],
) -> Found:
    """`told_no`: unit and badge of taps that got a bad sound. `parked`: ids that the platform refused once."""
    there = _identities(received)
    beeped = [tap for tap in taps if tap.beep_ns is not None]
    missing = [tap for tap in beeped if (tap.unit, tap.uid) not in there]
    said = _declarations(received)
    declared = [tap for tap in missing if _is_declared(tap, wounds, said)]
    lost = [tap for tap in missing if not _is_declared(tap, wounds, said)]
    twice = [key for key, ups in there.items() if len(ups) > 1]
    again = {(t.unit, t.uid) for t in taps if _is_noted_again(t, there, wounds, said)}
    doubled = [key for key in twice if key not in again]
    late = [*out_of_order((e["id"] for _, e in received), parked), *_late_taps(beeped, there)]
    clashed = list(_clashed(received))
    unheard = [tap for tap in taps if tap.beep_ns is None]
    deliveries = Counter(event["id"] for _, event in received)
    recoveries = list(_recoveries(beeped, received, heals))
    return Found(
        records=len(beeped),
        platform=len(beeped) - len(missing),
        lost=len(lost),
        doubled=len(doubled),
        noted_again=len(twice) - len(doubled),
        out_of_order=len(late),
        destroyed_declared=len(declared),
        redelivered=deliveries.total() - len(deliveries),
        clashed=len(clashed),
        no_beep=len(unheard),
        told_no=len(told_no),
        kept_unheard=sum((tap.unit, tap.uid) in there for tap in unheard),
        recovery_ms=percentiles(ms for _, ms in recoveries),
        recovery_by_kind={
            kind: percentiles(ms for other, ms in recoveries if other == kind)
            for kind in sorted({kind for kind, _ in recoveries})
        },
        examples={
            "lost": [f"{tap.unit}/{tap.uid} presented {tap.presented_ns}" for tap in lost[:SHOWN]],
            "doubled": [f"{unit}/{uid}" for unit, uid in doubled[:SHOWN]],
            "out_of_order": late[:SHOWN],
            "clashed": clashed[:SHOWN],
        },
    )


There = Mapping[tuple[str, str], Mapping[str, int]]
"""By unit and badge: under which ids the tap is at the platform, and when the unit wrote that (CLOCK_BOOTTIME ns)."""


def _identities(received: Iterable[Received]) -> There:
    there: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for _, event in received:
        if event["type"] == CHECKIN:
            key = _unit(event), event["data"]["badge"]
            there[key][event["id"]] = int(event["data"]["up_ms"]) * 1_000_000
    return there


def _unit(event: Mapping[str, Any]) -> str:
    return str(event["source"]).removeprefix("/units/")


# What was destroyed


def _declarations(received: Iterable[Received]) -> dict[str, list[int]]:
    """When (CLOCK_BOOTTIME ns) it was said of a unit that records are missing, or its journal is another."""
    said: dict[str, list[int]] = defaultdict(list)
    for _, event in received:
        of = _declared_of(event)
        if of:
            said[of].append(int(event["data"]["up_ms"]) * 1_000_000)
    return said


def _declared_of(event: Mapping[str, Any]) -> str | None:
    """Of which unit the event is such a word: that unit's own, or the gateway's."""
    if event["type"] == DROPPED:
        return _unit(event)
    data = event["data"]
    if event["type"] != ALARM or not any(words in data["what"] for words in WORDS):
        return None
    return str(data.get("part")) if _unit(event) == GATEWAY else _unit(event)


def _is_declared(tap: Tap, wounds: Sequence[Wound], said: Mapping[str, Sequence[int]]) -> bool:
    """Whether a wound that can have taken `tap` was declared."""
    return any(
        wound.from_ns <= (tap.beep_ns or 0) <= wound.to_ns
        for wound in _declared(tap.unit, wounds, said)
    )


def _declared(
    unit: str, wounds: Sequence[Wound], said: Mapping[str, Sequence[int]]
) -> Iterator[Wound]:
    """The unit's wounds that were declared: after each, and before the next one."""
    of_unit = sorted((w for w in wounds if w.unit == unit), key=lambda wound: wound.to_ns)
    ends = [*(wound.to_ns for wound in of_unit[1:]), None]
    for wound, end in zip(of_unit, ends, strict=False):
        if any(wound.to_ns <= at and (end is None or at < end) for at in said.get(unit, ())):
            yield wound


def _is_noted_again(
    tap: Tap, there: There, wounds: Sequence[Wound], said: Mapping[str, Sequence[int]]
) -> bool:
    """Whether between any two of its records, and before its beep, a declared wound took the first of them."""
    written = sorted(there.get((tap.unit, tap.uid), {}).values())
    took = [w for w in _declared(tap.unit, wounds, said) if w.to_ns < (tap.beep_ns or w.to_ns + 1)]
    return all(
        any(wound.from_ns <= one <= wound.to_ns <= other for wound in took)
        for one, other in pairwise(written)
    )


# Order and identity


def out_of_order(ids: Iterable[str], parked: Collection[str] = ()) -> list[str]:
    """Those of the records' `ids` that came, for the first time, after a later one of their log."""
    late: list[str] = []
    seen: set[str] = set()
    newest: dict[str, int] = {}
    for identity in ids:
        log, _, seq = identity.rpartition("/")
        if identity in seen or "/correction/" in identity or identity in parked:
            continue
        seen.add(identity)
        if int(seq) < newest.get(log, 0):
            late.append(identity)
        newest[log] = int(seq)
    return late


def _late_taps(beeped: Iterable[Tap], there: There) -> Iterator[str]:
    """Taps that stand before an earlier one in their log."""
    newest: dict[str, int] = {}
    for tap in sorted(beeped, key=lambda tap: tap.presented_ns):
        for identity in there.get((tap.unit, tap.uid), ()):
            log, _, seq = identity.rpartition("/")
            if int(seq) < newest.get(log, 0):
                yield identity
            newest[log] = max(int(seq), newest.get(log, 0))


def _clashed(received: Iterable[Received]) -> Iterator[str]:
    """Identities that came with another record than before."""
    first: dict[str, bytes] = {}
    for _, event in received:
        content = msgspec.json.encode(event.get("data", event.get("data_base64")))
        if first.setdefault(event["id"], content) != content:
            yield event["id"]


# Recovery


def _recoveries(
    beeped: Iterable[Tap], received: Iterable[Received], heals: Iterable[Heal]
) -> Iterator[tuple[str, float]]:
    """For each heal: its kind, and milliseconds from the unit's first tap after it to the platform.

    Where the next trouble came soon, only a tap that was there before it counts.
    """
    arrived: dict[tuple[str, str], int] = {}
    for received_ns, event in received:
        if event["type"] == CHECKIN:
            arrived.setdefault((_unit(event), event["data"]["badge"]), received_ns)
    for heal in heals:
        after = (t for t in beeped if t.unit == heal.unit and t.presented_ns >= heal.at_ns)
        tap = min(after, key=lambda tap: tap.presented_ns, default=None)
        if tap is None or tap.presented_ns > heal.until_ns:
            continue
        there_ns = arrived.get((tap.unit, tap.uid))
        long = heal.until_ns - heal.at_ns >= SETTLED_NS
        if there_ns is not None and (long or there_ns <= heal.until_ns):
            yield heal.kind, (there_ns - tap.presented_ns) / 1e6
