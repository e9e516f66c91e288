"""What lies between a bundle's runs: records that nobody asked for, and what says of the others why they are gone."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.evidence.rows import STREAMED, is_log
from gateway.store.heads import Key, trunk
from gateway.store.schema import records
from wire.batch import decode_record
from wire.evidence.bundle import Run, Span
from wire.evidence.spans import Spans, by_log, split
from wire.records import Dropped, Removed
from wire.topics import GATEWAY


def unasked(connection: Connection, key: Key, runs: Sequence[Run]) -> list[Span]:
    """The records of a log that the store has, and that are in none of `runs`, up to their end."""
    here = by_log(runs)[key]
    return [
        Span(*key, *span)
        for first, last, is_here in split(here, 1, here[-1][1])
        if not is_here
        for span in _kept(connection, key, first, last)
    ]


def gone(connection: Connection, key: Key, runs: Sequence[Run]) -> Spans:
    """The records of a log up to the end of `runs` that the store has not."""
    there = by_log([*runs, *unasked(connection, key, runs)])[key]
    return [(first, last) for first, last, is_here in split(there, 1, there[-1][1]) if not is_here]


def _kept(connection: Connection, key: Key, first: int, last: int) -> Iterator[tuple[int, int]]:
    c = records.c
    query = sa.select(c.seq).where(is_log(records, key), c.seq >= first, c.seq <= last)
    begun = end = 0
    for seq in connection.execute(query.order_by(c.seq), execution_options=STREAMED).scalars():
        if seq != end + 1 or not begun:
            if begun:
                yield begun, end
            begun = seq
        end = seq
    if begun:
        yield begun, end


def words_on(connection: Connection, key: Key, missing: Spans) -> list[tuple[Key, int]]:
    """The records (log, number) that say why `missing` ones of a log are: the unit's, and the gateway's own."""
    found = []
    for row in _rows(connection, key[0], "dropped") if missing else ():
        said = decode_record(row.raw)
        if isinstance(said, Dropped) and (said.stream, said.log) == trunk(key)[1:]:
            found += [_place(row)] if _touches(missing, said.first, said.last) else []
    newest = None
    for row in _rows(connection, GATEWAY, "removed") if missing else ():
        said = decode_record(row.raw)
        if not isinstance(said, Removed) or not said.first or not said.last:
            continue
        if said.count and (said.unit, said.what, said.log) == key:
            newest = _place(row)
        elif (said.unit, said.what, said.log) == trunk(key) and not said.count:
            found += [_place(row)] if _touches(missing, said.first, said.last) else []
    return found if newest is None else [*found, newest]


def _rows(connection: Connection, unit: str, kind: str) -> Iterator[Any]:
    c = records.c
    query = sa.select(c.unit, c.stream, c.log, c.seq, c.raw).where(
        c.unit == unit, c.stream == "event", c.kind == kind
    )
    yield from connection.execute(query.order_by(c.pos), execution_options=STREAMED)


def _place(row: Any) -> tuple[Key, int]:
    return (row.unit, row.stream, row.log), row.seq


def _touches(missing: Spans, first: int, last: int) -> bool:
    return first <= last and any(is_in for _, _, is_in in split(missing, first, last))
