"""What was carried here by hand, by the signed records of the gateway's own log, which is verified like any."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.heads import Key
from gateway.store.schema import records
from wire.batch import decode_record
from wire.evidence.by_hand import Carried, carried_by, touches
from wire.evidence.spans import Spans
from wire.topics import GATEWAY


def carried(connection: Connection) -> Mapping[Key, list[Carried]]:
    """Every word of it, by the log that it is about."""
    found: dict[Key, list[Carried]] = {}
    for _, (key, one) in _told(connection):
        found.setdefault(key, []).append(one)
    return found


def words_on(connection: Connection, there: Mapping[Key, Spans]) -> list[tuple[Key, int]]:
    """The records (log, number) of the gateway's that tell of records in `there`."""
    return [place for place, (key, one) in _told(connection) if touches(there.get(key, []), one)]


def _told(connection: Connection) -> Iterator[tuple[tuple[Key, int], tuple[Key, Carried]]]:
    c = records.c
    query = sa.select(c.unit, c.stream, c.log, c.seq, c.raw).where(
        c.unit == GATEWAY, c.stream == "event", c.kind == "imported"
    )
    for row in connection.execute(query.order_by(c.pos)):
        said = carried_by(decode_record(row.raw))
        if said:
            yield ((row.unit, row.stream, row.log), row.seq), said
