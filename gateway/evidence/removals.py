"""What the site's policy removed, by the signed records of the gateway's own log, which is verified like any."""

from collections.abc import Iterator, Mapping

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from gateway.store.heads import Key
from gateway.store.schema import records
from wire.records import Removed
from wire.topics import GATEWAY


class Removal(Struct, frozen=True):
    """Records `first` to `last` of a log went; `h_last`: the chain's value after them.

    `count` 0: they were gone already, and what their unit said of them went.
    """

    first: int
    last: int
    h_last: bytes
    why: str
    count: int = 1


Removals = Mapping[Key, list[Removal]]


def removals(connection: Connection) -> Removals:
    """Every removal by its log, those that follow one another as one."""
    found: dict[Key, list[Removal]] = {}
    for key, one in _told(connection):
        spans = found.setdefault(key, [])
        follows = spans and spans[-1].last + 1 == one.first
        if follows and bool(spans[-1].count) == bool(one.count):
            spans[-1] = msgspec.structs.replace(one, first=spans[-1].first)
        else:
            spans.append(one)
    return found


def _told(connection: Connection) -> Iterator[tuple[Key, Removal]]:
    c = records.c
    query = sa.select(c.raw).where(c.unit == GATEWAY, c.stream == "event", c.kind == "removed")
    for raw in connection.execute(query.order_by(c.pos)).scalars():
        said = _read(raw)
        if said and said.unit and said.log and said.first and said.last and said.h_last:
            h_last = bytes.fromhex(said.h_last)
            yield (
                (said.unit, said.what, said.log),
                Removal(said.first, said.last, h_last, said.why, said.count),
            )


def _read(raw: bytes) -> Removed | None:
    try:
        return msgspec.json.decode(raw, type=Removed)
    except msgspec.DecodeError:
        return None
