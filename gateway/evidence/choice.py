"""Which records a bundle is about: those of a unit in a span of time, of an incident's photos, or named one by one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.evidence.rows import STREAMED, is_log
from gateway.store.heads import Key
from gateway.store.schema import boots, photo_holds, records
from gateway.store.times import BootAnchor, repaired
from wire.batch import decode_record
from wire.evidence.bundle import Choice
from wire.records import Photo
from wire.topics import GATEWAY
from wire.words import Fault

_ID = re.compile(r"([a-z0-9-]{1,32})/(event|track)/([0-9a-f]{16}(?:~[0-9a-f]{8})?)/([0-9]{1,16})")
Chosen = Mapping[Key, Sequence[tuple[int, int]]]
"""For each log the spans of records, first to last, in their order."""


def choose(connection: Connection, choice: Choice) -> Chosen:
    """The records. Raises `Fault` where there are none, or one that was named is not here."""
    found: dict[Key, set[int]] = {}
    for key, seq in _all(connection, choice):
        found.setdefault(key, set()).add(seq)
    if not found:
        raise Fault(
            "没有这样的记录；用 xunkong gateway records 查看",
            "there are no such records; see xunkong gateway records",
        )
    return {key: _spans(sorted(seqs)) for key, seqs in sorted(found.items())}


def _all(connection: Connection, choice: Choice) -> Iterator[tuple[Key, int]]:
    if choice.unit:
        yield from _in_time(connection, choice, choice.unit)
    if choice.incident:
        yield from _of_incident(connection, choice.incident)
    for name in choice.ids:
        yield _named(connection, name)


def _in_time(connection: Connection, choice: Choice, unit: str) -> Iterator[tuple[Key, int]]:
    """By repaired time, or by receipt where none is known."""
    anchors = {
        row.boot: BootAnchor(row.up_ms, row.utc_ms, row.err_ms, row.source, row.pos)
        for row in connection.execute(sa.select(boots).where(boots.c.unit == unit))
    }
    c = records.c
    names = (c.stream, c.log, c.seq, c.boot, c.up_ms, c.at_ms, c.clock, c.received_ms)
    query = sa.select(*names).where(c.unit == unit)
    for row in connection.execute(query, execution_options=STREAMED).mappings():
        utc_ms = repaired(row, anchors.get(row["boot"])).utc_ms
        at_ms = row["received_ms"] if utc_ms is None else utc_ms
        late = choice.to_ms is not None and at_ms >= choice.to_ms
        if at_ms >= (choice.from_ms or 0) and not late:
            yield (unit, row["stream"], row["log"]), row["seq"]


def _of_incident(connection: Connection, incident: str) -> Iterator[tuple[Key, int]]:
    """The records that announced the photos held for it, and what they are photos of."""
    query = sa.select(photo_holds.c.sha256).where(photo_holds.c.incident == incident)
    held = set(connection.execute(query).scalars())
    c = records.c
    query = sa.select(records).where(c.kind == "photo", c.unit != GATEWAY)
    for row in connection.execute(query, execution_options=STREAMED) if held else ():
        said = decode_record(row.raw)
        if not isinstance(said, Photo) or said.sha256 not in held:
            continue
        yield (row.unit, row.stream, row.log), row.seq
        if said.ref and _is_here(
            connection, (row.unit, said.ref.stream, said.ref.log), said.ref.seq
        ):
            yield (row.unit, said.ref.stream, said.ref.log), said.ref.seq


def _named(connection: Connection, name: str) -> tuple[Key, int]:
    found = _ID.fullmatch(name)
    if found is None:
        raise Fault(
            f"{name!r} 不是记录编号；形如 cp-01/event/<日志>/<序号>",
            f"{name!r} is no record's name; they look like cp-01/event/<log>/<number>",
        )
    key, seq = (found[1], found[2], found[3]), int(found[4])
    if not _is_here(connection, key, seq):
        raise Fault(
            f"库中没有记录 {name}；用 xunkong gateway records 查看",
            f"record {name} is not here; see xunkong gateway records",
        )
    return key, seq


def _is_here(connection: Connection, key: Key, seq: int) -> Any:
    query = sa.select(records.c.pos).where(is_log(records, key), records.c.seq == seq)
    return connection.execute(query).first()


def _spans(seqs: Sequence[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for seq in seqs:
        if spans and seq == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], seq)
        else:
            spans.append((seq, seq))
    return spans
