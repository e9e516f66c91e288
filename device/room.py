"""Keeps the journal within its budget, a bounded step at a time; what goes for it is declared in the same commit.

In this order: what the gateway has, tracks first; then tracks are thinned, the oldest first, each time it
comes to be the oldest to half of what is left of it; then the oldest thinned tracks go; events last of all.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from device.core.thinning import MOST, Source, every_of, span_ms, thinned_records
from device.journal.errors import translated
from device.journal.journal import Journal
from device.journal.logs import Entry, Slice, Usage
from device.journal.tinydb_sqlite import WAL_KEPT_BYTES
from wire.batch import decode_record, encode_record
from wire.limits import MAX_RECORD_BYTES
from wire.records import STREAMS, AnyRecord, Dropped, Record, Stream, Track, Unreadable
from wire.track import BadTrack, unfold

MIB = 1024 * 1024
THINNED_AT_ONCE = 16
"""Track records: the unit hears nothing meanwhile."""

DROPPED_AT_ONCE = 200
NEWEST_EVENTS = 100
"""Events that stay whatever happens: how this run began, and what it learned of the time."""

LEAST_GAIN = 4
"""Events that go must be so many times those that declare it: else it would go on for ever, and gain nothing."""

BACK_AT_ONCE_BYTES = MIB // 4

How = Literal["nothing", "acknowledged", "thinned", "tracks", "events"]


class Limits(Struct, frozen=True):
    """What the journal may take, and what it leaves free on its disk for others, in bytes."""

    max_bytes: int
    min_free_bytes: int


class Made(Struct, frozen=True):
    """What a step did: which of a log's records went, and what was appended for them; `more` is to be done."""

    how: How
    more: bool
    stream: Stream = "track"
    log: str = ""
    oldest: int = 0
    appended: tuple[tuple[Entry, Record], ...] = ()


def free_bytes(path: Path) -> int:
    """What an ordinary process may still write on the disk of `path`. Raises the journal's errors."""
    try:
        disk = os.statvfs(path)
    except OSError as exc:
        raise translated(path, exc) from exc
    return disk.f_bavail * disk.f_frsize


def make_room(
    journal: Journal, limits: Limits, head: Dropped, free: Callable[[Path], int] = free_bytes
) -> Made:
    """One step towards the budget; `head` is filled in where something is to be declared.

    Raises the journal's errors, and `RottenRow` for a row that is to be taken out of the way first.
    """
    usage = journal.usage()
    budget = limits.max_bytes - WAL_KEPT_BYTES
    allowed = min(budget, _by_disk(usage, free(journal.path.parent) - limits.min_free_bytes))
    made = Made("nothing", more=False)
    if usage.live_bytes > allowed:
        made = _step(journal, head, events_too=usage.live_bytes > budget)
    return replace(made, more=_given_back(journal, allowed) or made.how != "nothing")


def _by_disk(usage: Usage, spare_bytes: int) -> int:
    """How long the file may be, given what is left of the disk for it; the write-ahead log takes its share."""
    return usage.file_bytes + spare_bytes - max(0, WAL_KEPT_BYTES - usage.wal_bytes)


def _given_back(journal: Journal, allowed: int) -> bool:
    """Shortens the file; whether there is more of that to do."""
    usage = journal.usage()
    if usage.file_bytes <= allowed or usage.live_bytes == usage.file_bytes:
        return False
    journal.give_back(BACK_AT_ONCE_BYTES)
    return journal.usage().file_bytes < usage.file_bytes


def _step(journal: Journal, head: Dropped, events_too: bool) -> Made:
    made = _drop_acknowledged(journal) or _make_tracks_smaller(journal, head)
    if made is None and events_too:
        made = _drop_events(journal, head)
    return made or Made("nothing", more=False)


def _drop_acknowledged(journal: Journal) -> Made | None:
    for stream in reversed(STREAMS):
        for state in journal.logs(stream):
            if journal.drop_acknowledged(stream, state.log):
                return _made(journal, "acknowledged", stream, state.log)
    return None


def _made(
    journal: Journal,
    how: How,
    stream: Stream,
    log: str,
    appended: Sequence[tuple[Entry, Record]] = (),
) -> Made:
    (state,) = (one for one in journal.logs(stream) if one.log == log)
    return Made(how, True, stream, log, state.oldest, tuple(appended))


def _oldest(journal: Journal, stream: Stream, count: int, spare: int = 0) -> Slice | None:
    """The oldest records of a stream that stand on the medium, but for the newest `spare`."""
    for state in journal.logs(stream):
        upto = state.durable_last - (0 if state.sealed else spare)
        found = journal.read(
            stream, state.log, state.oldest, max_count=count, max_bytes=count * MAX_RECORD_BYTES
        )
        if found and found.first <= upto:
            return replace(found, raws=found.raws[: upto + 1 - found.first])
    return None


# Tracks


def _make_tracks_smaller(journal: Journal, head: Dropped) -> Made | None:
    found = _oldest(journal, "track", DROPPED_AT_ONCE)
    if found is None:
        return None
    sources = _thinnable(found.first, found.raws[:THINNED_AT_ONCE])
    if sources and len(found.raws) >= THINNED_AT_ONCE:
        return _thin(journal, head, found, sources)
    return _drop_tracks(journal, head, found)


def _thinnable(first: int, raws: Sequence[bytes]) -> list[Source]:
    """The records at the beginning of `raws` that may be thinned once more."""
    records = takewhile(_may_be_thinned, (decode_record(raw) for raw in raws))
    return [Source(seq, r) for seq, r in enumerate(records, first) if isinstance(r, Track)]


def _may_be_thinned(record: AnyRecord | Unreadable) -> bool:
    """Not what was thinned to the end, nor what nobody can read."""
    if not isinstance(record, Track) or every_of(record) >= MOST:
        return False
    try:
        return any(unfold(record))
    except BadTrack:
        return False


def _thin(journal: Journal, head: Dropped, found: Slice, sources: list[Source]) -> Made:
    tracks = thinned_records(found.log, sources)
    before, after = (
        sum(len(track.dt_ms) for track in of) for of in ((s.track for s in sources), tracks)
    )
    why = (
        f"thinned to save room: {after} of {before} positions are kept, in records that name these"
    )
    part = replace(found, raws=found.raws[: len(sources)])
    return _replaced(journal, "thinned", part, [_declared(journal, head, part, why), *tracks])


def _drop_tracks(journal: Journal, head: Dropped, found: Slice) -> Made:
    """All at the beginning that cannot be thinned; where so few are left that thinning gains nothing, all."""
    records = (decode_record(raw) for raw in found.raws)
    count = next((n for n, record in enumerate(records) if _may_be_thinned(record)), 0)
    part = replace(found, raws=found.raws[: count or len(found.raws)])
    why = "removed: no room, and thinning these positions gained no more"
    return _replaced(journal, "tracks", part, [_declared(journal, head, part, why)])


# Events


def _drop_events(journal: Journal, head: Dropped) -> Made | None:
    """The oldest; what they declared of other records is declared again."""
    found = _oldest(journal, "event", DROPPED_AT_ONCE, spare=NEWEST_EVENTS)
    if found is None:
        return None
    gone = _declared(journal, head, found, "removed: no room, and no track is left that could go")
    known = {state.log for stream in STREAMS for state in journal.logs(stream)}
    records = [decode_record(raw) for raw in found.raws]
    again = [r for r in records if isinstance(r, Dropped) and r.log in known]
    instead = list(_merged([*again, gone], head))
    if len(found.raws) < LEAST_GAIN * len(instead):
        return None
    return _replaced(journal, "events", found, instead)


def _merged(declared: Sequence[Dropped], head: Dropped) -> Iterator[Dropped]:
    """Declarations as few as can be, in the order of what they declare."""
    spans = sorted(declared, key=lambda one: (one.stream, one.log, one.first))
    open_: Dropped | None = None
    for one in spans:
        if open_ and (open_.stream, open_.log, open_.last + 1) == (one.stream, one.log, one.first):
            open_ = replace(
                open_,
                last=one.last,
                h_last=one.h_last,
                from_ms=open_.from_ms if open_.from_ms is not None else one.from_ms,
                to_ms=one.to_ms if one.to_ms is not None else open_.to_ms,
            )
            continue
        if open_:
            yield open_
        open_ = _again(one, head)
    if open_:
        yield open_


def _again(one: Dropped, head: Dropped) -> Dropped:
    """What `one` declares, as of now."""
    return replace(
        head,
        stream=one.stream,
        log=one.log,
        first=one.first,
        last=one.last,
        h_last=one.h_last,
        why=one.why,
        from_ms=one.from_ms,
        to_ms=one.to_ms,
    )


# What both have in common


def _declared(journal: Journal, head: Dropped, part: Slice, why: str) -> Dropped:
    last = part.first + len(part.raws) - 1
    h_last = journal.chain_at(part.stream, part.log, last)
    from_ms, to_ms = _span_ms([decode_record(raw) for raw in part.raws])
    return replace(
        head,
        stream=part.stream,
        log=part.log,
        first=part.first,
        last=last,
        h_last=h_last.hex() if h_last else None,
        why=why,
        from_ms=from_ms,
        to_ms=to_ms,
    )


def _span_ms(records: Sequence[AnyRecord | Unreadable]) -> tuple[int | None, int | None]:
    if any(isinstance(record, Track) for record in records):
        return span_ms(record for record in records if isinstance(record, Track))
    dated = [r.at_ms for r in records if isinstance(r, Record) and r.at_ms is not None]
    return (min(dated), max(dated)) if dated else (None, None)


def _replaced(journal: Journal, how: How, part: Slice, instead: Sequence[Record]) -> Made:
    stream: Stream = part.stream
    rows: list[tuple[Stream, bytes]] = [
        ("track" if isinstance(record, Track) else "event", encode_record(record))
        for record in instead
    ]
    entries = journal.replace(stream, part.log, part.first + len(part.raws), rows)
    return _made(journal, how, stream, part.log, list(zip(entries, instead, strict=True)))
