"""Reads the store as evidence: its logs by bytes, their records a page at a time, in one consistent snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.heads import Key
from gateway.store.open import Store
from gateway.store.schema import certificates, logs, records, root_heads
from wire.chain import START
from wire.evidence.keyring import Held
from wire.evidence.walk import Kept
from wire.limits import MAX_RECORDS

PAGE = 500
STREAMED = {"yield_per": PAGE}
"""For a query whose rows are many; given with the query, as a connection keeps what it is given."""


@contextmanager
def snapshot(store: Store) -> Iterator[Connection]:
    """A connection that sees the store as it now is, whatever ingest commits meanwhile.

    Text that is no UTF-8 can be read by it too: SQLite makes text of the bytes that somebody edits.
    """
    with store.reading() as connection:
        if not store.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            return
        raw: Any = connection.connection.dbapi_connection
        raw.text_factory = _text
        try:
            yield connection
        finally:
            raw.text_factory = str


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def is_log(table: sa.Table, key: Key) -> sa.ColumnElement[bool]:
    """Rows of one log."""
    return sa.and_(table.c.unit == key[0], table.c.stream == key[1], table.c.log == key[2])


def all_logs(connection: Connection, unit: str | None = None) -> list[Key]:
    """Every log that the store has a record of, or says that it had, ordered by bytes."""
    found = set(_logs_with_records(connection, unit))
    for table in (logs, root_heads):
        query = sa.select(table.c.unit, table.c.stream, table.c.log).distinct()
        if table is logs:
            query = query.where(logs.c.next > 1)
        if unit:
            query = query.where(table.c.unit == unit)
        found |= {(row.unit, row.stream, row.log) for row in connection.execute(query)}
    return sorted(found)


def _logs_with_records(connection: Connection, unit: str | None) -> Iterator[Key]:
    """Jumps from log to log over the index of identities, so that it costs a look-up for each log."""
    c = records.c
    key = sa.tuple_(c.unit, c.stream, c.log)
    query = sa.select(c.unit, c.stream, c.log).order_by(c.unit, c.stream, c.log).limit(1)
    if unit:
        query = query.where(c.unit == unit)
    row = connection.execute(query).first()
    while row:
        yield (row.unit, row.stream, row.log)
        after = sa.tuple_(sa.literal(row.unit), sa.literal(row.stream), sa.literal(row.log))
        row = connection.execute(query.where(key > after)).first()


def records_of(connection: Connection, key: Key, after: int = 0) -> Iterator[Any]:
    """The rows of a log beyond record `after`."""
    query = sa.select(records).where(is_log(records, key)).order_by(records.c.seq).limit(PAGE)
    while rows := connection.execute(query.where(records.c.seq > after)).all():
        yield from rows
        after = rows[-1].seq


def kept(row: Any) -> Kept:
    """A row of `records` as the walk takes it."""
    return Kept(
        seq=row.seq,
        raw=row.raw,
        h=row.h,
        received_ms=row.received_ms,
        prev=row.prev,
        batch_first=row.batch_first,
        batch_prev=row.batch_prev,
        kid=row.kid,
        sig=row.sig,
    )


def first_since(connection: Connection, key: Key, since_ms: int) -> int | None:
    """The first record of a log that came at `since_ms` or later; None: all came before."""
    query = sa.select(sa.func.min(records.c.seq)).where(is_log(records, key))
    found: int | None = connection.execute(query.where(records.c.received_ms >= since_ms)).scalar()
    return found


def values_before(connection: Connection, key: Key, seq: int) -> list[bytes]:
    """The chain's values after the records that come right before `seq`, as many as a batch can need.

    Where none of those records is here, the one value that stands beside `seq` itself.
    """
    query = sa.select(records.c.seq, records.c.h).where(is_log(records, key), records.c.seq < seq)
    rows = connection.execute(query.order_by(records.c.seq.desc()).limit(MAX_RECORDS)).all()
    values = []
    for at, row in enumerate(rows, 1):
        if row.seq != seq - at:
            break
        values.append(row.h)
    if not values:
        prev = sa.select(records.c.prev).where(is_log(records, key), records.c.seq == seq)
        values = [h for h in connection.execute(prev).scalars() if h]
    return values[::-1]


def h_at(connection: Connection, key: Key, seq: int) -> bytes | None:
    """The chain's value after record `seq`; None where neither it nor the next one is here to tell."""
    if seq == 0:
        return START
    query = sa.select(records.c.h).where(is_log(records, key), records.c.seq == seq)
    found: bytes | None = connection.execute(query).scalar()
    if found is not None:
        return found
    after = sa.select(records.c.prev).where(is_log(records, key), records.c.seq == seq + 1)
    before: bytes | None = connection.execute(after).scalar()
    return before


def held_certificates(connection: Connection, kid: str) -> list[Held]:
    """The certificates that are kept of a key, the newest first."""
    query = sa.select(certificates.c.der, certificates.c.revoked_ms).where(
        certificates.c.kid == kid, certificates.c.der.is_not(None)
    )
    rows = connection.execute(query.order_by(certificates.c.serial.desc()))
    return [Held(row.der, row.revoked_ms) for row in rows]
