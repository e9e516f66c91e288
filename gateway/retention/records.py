"""Records that were kept long enough are removed, each time with a record of it in the gateway's own log.

Nothing goes that a platform has not got yet. A log loses its beginning only, and whole signed batches only; the
chain's value at the end of what went stays, so that what is left still joins and its signatures still hold.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from gateway.config import RetentionSection
from gateway.forward.page import cursor
from gateway.store.book import Book
from gateway.store.heads import Key
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import logs, quarantine, records, removed
from gateway.store.upsert import upsert
from wire.batch import decode_record
from wire.limits import MAX_TEXT
from wire.records import STREAMS, Dropped, Removed, Stream
from wire.topics import GATEWAY

DAY_MS = 86_400_000
AT_ONCE = 5_000
"""Records in one transaction, or one batch if that has more: ingest waits for it."""


class Gone(Struct, frozen=True):
    """What a run removed, or would remove: `count` of `of` (`event`, `track`, `quarantine`)."""

    of: str
    count: int


class Retention:
    """One run over `store` with the platforms `sinks`, at `now_ms`."""

    def __init__(
        self, store: Store, policy: RetentionSection, sinks: Sequence[str], own: OwnLog, now_ms: int
    ) -> None:
        self._store, self._policy, self._sinks = store, policy, sinks
        self._own, self._now_ms = own, now_ms

    def due(self) -> list[Gone]:
        """What would be removed."""
        with self._store.reading() as connection:
            counts = {stream: self._due_of(connection, stream) for stream in STREAMS}
            before_ms = self._before_ms(self._policy.quarantine_days)
            query = sa.select(sa.func.count()).select_from(quarantine)
            counts["quarantine"] = connection.execute(  # type: ignore[index]
                query.where(quarantine.c.last_ms < before_ms)
            ).scalar_one()
        return [Gone(of, count) for of, count in counts.items()]

    def _due_of(self, connection: Connection, stream: Stream) -> int:
        total = 0
        for key in self._keys(connection, stream):
            last = self._last(connection, key)
            if last:
                total += connection.execute(
                    sa.select(sa.func.count())
                    .select_from(records)
                    .where(_is(records, key), records.c.seq <= last)
                ).scalar_one()
        return total

    def run(self) -> list[Gone]:
        """Removes it. A kill in between leaves what is left for the next run."""
        gone = [Gone(stream, sum(self._remove_from(stream))) for stream in STREAMS]
        return [*gone, Gone("quarantine", self._empty_quarantine())]

    def _before_ms(self, days: float | None) -> int:
        return 0 if days is None else self._now_ms - int(days * DAY_MS)

    def _days(self, stream: str) -> float | None:
        return self._policy.event_days if stream == "event" else self._policy.track_days

    def _keys(self, connection: Connection, stream: Stream) -> list[Key]:
        if self._days(stream) is None:
            return []
        query = sa.select(logs).where(logs.c.stream == stream, logs.c.unit != GATEWAY)
        rows: Iterable[Any] = connection.execute(query.order_by(logs.c.unit, logs.c.first_ms))
        return [(row.unit, row.stream, row.log) for row in rows]

    def _last(self, connection: Connection, key: Key, below: int | None = None) -> int | None:
        """The end of the last batch that may go, of those that end below `below`; positions rise with numbers."""
        stream: Stream = "track" if key[1] == "track" else "event"
        c = records.c
        query = sa.select(sa.func.max(c.seq)).where(_is(records, key), c.sig.is_not(None))
        query = query.where(c.received_ms < self._before_ms(self._days(stream)))
        for sink in self._sinks:
            query = query.where(c.pos <= cursor(connection, sink, stream))
        if below is not None:
            query = query.where(c.seq < below)
        found: int | None = connection.execute(query).scalar()
        return found

    def _remove_from(self, stream: Stream) -> Iterator[int]:
        with self._store.reading() as connection:
            keys = self._keys(connection, stream)
        for key in keys:
            while count := self._remove_some(key):
                yield count

    def _remove_some(self, key: Key) -> int:
        with self._store.writing() as connection:
            first = connection.execute(
                sa.select(sa.func.min(records.c.seq)).where(_is(records, key))
            ).scalar()
            last = self._last(connection, key)
            if first is None or last is None:
                return 0
            last = self._last(connection, key, first + AT_ONCE) or self._first_end(connection, key)
            book = Book(self._store.is_sqlite)
            book.open(connection, self._now_ms)
            count = self._remove(book, key, first, last)
            book.close()
        return count

    def _first_end(self, connection: Connection, key: Key) -> int:
        query = sa.select(sa.func.min(records.c.seq))
        end: int = connection.execute(
            query.where(_is(records, key), records.c.sig.is_not(None))
        ).scalar_one()
        return end

    def _remove(self, book: Book, key: Key, first: int, last: int) -> int:
        connection, c = book.connection, records.c
        h_last = book.h_at(key, last) or b""
        self._leave_behind(book, key, last, h_last)
        self._repeat_declarations(book, key, last)
        gone = records.delete().where(_is(records, key), c.seq <= last)
        count: int = connection.execute(gone).rowcount
        row = {"unit": key[0], "stream": key[1], "log": key[2], "last": last, "h_last": h_last}
        upsert(
            connection,
            removed,
            ["unit", "stream", "log"],
            [{**row, "removed_ms": self._now_ms}],
        )
        days = self._days(key[1])
        self._own.write(
            book,
            Removed,
            what=key[1],
            count=count,
            before_ms=self._before_ms(days),
            why=f"[retention] {key[1]}_days = {days:g}",
            unit=key[0],
            log=key[2],
            first=first,
            last=last,
            h_last=h_last.hex(),
        )
        return count

    def _leave_behind(self, book: Book, key: Key, last: int, h_last: bytes) -> None:
        """The chain's values that what stays is verified by; a batch may begin with records that were there already."""
        connection, c = book.connection, records.c
        follows = sa.and_(_is(records, key), c.seq == last + 1, c.prev.is_(None))
        connection.execute(records.update().where(follows).values(prev=h_last))
        over = sa.and_(_is(records, key), c.seq > last, c.batch_first <= last + 1)
        rows = connection.execute(sa.select(c.pos, c.batch_first, c.batch_prev).where(over)).all()
        for row in rows:
            before = row.batch_prev or book.h_at(key, row.batch_first - 1)
            values = records.update().where(c.pos == row.pos).values(batch_prev=before)
            connection.execute(values)

    def _repeat_declarations(self, book: Book, key: Key, last: int) -> None:
        """What units declared missing stays said, by the gateway, when the declaration goes: `count` is 0 there."""
        c = records.c
        query = sa.select(c.raw).where(_is(records, key), c.seq <= last, c.kind == "dropped")
        for raw in book.connection.execute(query.order_by(c.seq)).scalars().all():
            said = decode_record(raw)
            if isinstance(said, Dropped):
                self._own.write(
                    book,
                    Removed,
                    what=said.stream,
                    count=0,
                    before_ms=self._before_ms(self._days(key[1])),
                    why=f"its unit declared: {said.why}"[:MAX_TEXT],
                    unit=key[0],
                    log=said.log,
                    first=said.first,
                    last=said.last,
                    h_last=said.h_last,
                )

    def _empty_quarantine(self) -> int:
        days = self._policy.quarantine_days
        if days is None:
            return 0
        before_ms = self._before_ms(days)
        with self._store.writing() as connection:
            old = quarantine.delete().where(quarantine.c.last_ms < before_ms)
            count: int = connection.execute(old).rowcount
            if not count:
                return 0
            book = Book(self._store.is_sqlite)
            book.open(connection, self._now_ms)
            why = f"[retention] quarantine_days = {days:g}"
            self._own.write(
                book, Removed, what="quarantine", count=count, before_ms=before_ms, why=why
            )
            book.close()
        return count


def _is(table: sa.Table, key: Key) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.unit == key[0], table.c.stream == key[1], table.c.log == key[2])
