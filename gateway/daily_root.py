"""Once a day of the site's: the Merkle root over the heads of all logs, as a record of the gateway's own log.

It is signed and forwarded like any record, so that whoever holds it can tell whether an earlier day was written
anew. A store that several workers share makes one a day: the ledger is held, and the day is a key.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from operator import itemgetter
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.book import Book
from gateway.store.heads import Key
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import logs, root_heads, roots
from wire.evidence.merkle import ALGORITHM, head_text, leaf, root
from wire.records import Root

Reached = tuple[int, bytes]
"""A log's last record, and the chain's value there."""


class DailyRoot:
    """One worker's turn at it; the first that comes makes the day's."""

    def __init__(self, store: Store, own: OwnLog, zone: ZoneInfo) -> None:
        self._store, self._own, self._zone = store, own, zone
        self._done: date | None = None

    def make(self, now_ms: int) -> bool:
        """Closes the day before, where nobody did yet; whether it was done now. Raises `DBAPIError`."""
        day = datetime.fromtimestamp(now_ms / 1000, self._zone).date() - timedelta(days=1)
        if day == self._done:
            return False
        with self._store.writing() as connection:
            made = self._made(connection, day.isoformat(), now_ms)
        if made is not None:
            self._done = day
        return bool(made)

    def _made(self, connection: Connection, day: str, now_ms: int) -> bool | None:
        """None where there is no log yet."""
        newest = connection.execute(sa.select(sa.func.max(roots.c.date))).scalar()
        if newest is not None and newest >= day:
            return False
        book = Book(self._store.is_sqlite)
        book.open(connection, now_ms)
        heads = _heads(connection)
        if not heads:
            return None
        _note_moved(connection, day, heads)
        connection.execute(roots.insert().values(date=day, pos=book.pos))
        top = root(leaves(heads.items())).hex()
        self._own.write(book, Root, date=day, root=top, logs=len(heads), algorithm=ALGORITHM)
        book.close()
        return True


def leaves(heads: Iterable[tuple[Key, Reached]]) -> Iterator[bytes]:
    """The leaves of the tree over `heads`, in its order."""
    for (unit, stream, log), (last, h) in sorted(heads, key=itemgetter(0)):
        yield leaf(head_text(unit, stream, log, last, h))


def _heads(connection: Connection) -> dict[Key, Reached]:
    rows = connection.execute(sa.select(logs).where(logs.c.next > 1))
    return {(row.unit, row.stream, row.log): (row.next - 1, row.h) for row in rows}


def heads_at(connection: Connection, day: str) -> dict[Key, Reached]:
    """The heads of all logs as the root of `day` (ISO) has them."""
    c = root_heads.c
    newest = (
        sa.select(c.unit, c.stream, c.log, sa.func.max(c.date).label("date"))
        .where(c.date <= day)
        .group_by(c.unit, c.stream, c.log)
        .subquery()
    )
    same = sa.and_(*(c[name] == newest.c[name] for name in ("unit", "stream", "log", "date")))
    rows = connection.execute(sa.select(root_heads).select_from(root_heads.join(newest, same)))
    return {(row.unit, row.stream, row.log): (row.last, row.h) for row in rows}


def _note_moved(connection: Connection, day: str, heads: dict[Key, Reached]) -> None:
    before = heads_at(connection, day)
    moved = [
        {"unit": key[0], "stream": key[1], "log": key[2], "date": day, "last": last, "h": h}
        for key, (last, h) in heads.items()
        if before.get(key) != (last, h)
    ]
    if moved:
        connection.execute(root_heads.insert(), moved)
