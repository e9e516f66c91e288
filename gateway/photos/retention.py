"""Photos that were kept long enough are removed, each with a record of it; those that are held are not.

First the record in the gateway's own log and the store's word are committed, then the file goes: a kill in
between leaves a file that the next run removes, and never a photo that is gone without a word.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from gateway.forward.events import identity
from gateway.photos.files import look_over, whole
from gateway.store.book import Book
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import photo_files, photo_holds, photos, records
from wire.batch import decode_record
from wire.limits import MAX_TEXT
from wire.records import Photo

DAY_MS = 86_400_000
AT_ONCE = 50
"""Photos in one transaction: ingest waits for it."""


class Retained(Struct, frozen=True):
    """What a run did; `held`: photos old enough that stay as evidence. See `gateway.photos.files.Survey`."""

    removed: int
    removed_bytes: int
    held: int
    missing: int


def retain_photos(
    store: Store,
    folder: Path,
    keep_days: float,
    own: OwnLog,
    now_ms: int,
    reached: Callable[[str], None] = lambda point: None,
) -> Retained:
    """Removes what is older than `keep_days` and not held. Raises OSError when a file cannot be removed."""
    found = look_over(store, folder, own, now_ms)
    before_ms = now_ms - int(keep_days * DAY_MS)
    count = size = 0
    while gone := _record(store, before_ms, keep_days, own, now_ms):
        reached("retain.after_commit")
        for row in gone:
            whole(folder, row.sha256).unlink(missing_ok=True)
            reached("retain.after_unlink")
        count, size = count + len(gone), size + sum(row.bytes for row in gone)
    return Retained(count, size, _held(store, before_ms), found.missing)


def due_photos(store: Store, keep_days: float, now_ms: int) -> int:
    """How many photos `retain_photos` would remove."""
    old = _old(now_ms - int(keep_days * DAY_MS))
    query = sa.select(sa.func.count()).select_from(photo_files)
    with store.reading() as connection:
        count: int = connection.execute(query.where(old, ~_is_held())).scalar_one()
    return count


def _old(before_ms: int) -> sa.ColumnElement[bool]:
    return sa.and_(photo_files.c.removed_ms.is_(None), photo_files.c.kept_ms < before_ms)


def _is_held() -> sa.ColumnElement[bool]:
    return sa.exists().where(photo_holds.c.sha256 == photo_files.c.sha256)


def _held(store: Store, before_ms: int) -> int:
    query = sa.select(sa.func.count()).select_from(photo_files)
    with store.reading() as connection:
        count: int = connection.execute(query.where(_old(before_ms), _is_held())).scalar_one()
    return count


def _record(
    store: Store, before_ms: int, keep_days: float, own: OwnLog, now_ms: int
) -> Sequence[Any]:
    """Records the removal of the next few; empty when none is left. The ledger is held: nobody holds one meanwhile."""
    query = sa.select(photo_files.c.sha256, photo_files.c.bytes)
    query = query.where(_old(before_ms), ~_is_held()).order_by(photo_files.c.kept_ms)
    why = f"removed after [photos] keep_days = {keep_days:g}"
    with store.writing() as connection:
        rows = connection.execute(query.limit(AT_ONCE)).all()
        if not rows:
            return rows
        book = Book(store.is_sqlite)
        book.open(connection, now_ms)
        for row in rows:
            own.write(book, Photo, **_fields(connection, row), lost=_why(connection, row, why))
            connection.execute(
                photo_files.update()
                .where(photo_files.c.sha256 == row.sha256)
                .values(removed_ms=now_ms, why=why)
            )
        book.close()
    return rows


def _announcing(connection: Connection, digest: str) -> Sequence[Any]:
    """The records that announced a photo, as far as they are still kept; the first of each unit."""
    joined = photos.join(records, photos.c.pos == records.c.pos)
    query = sa.select(records).select_from(joined).where(photos.c.sha256 == digest)
    return connection.execute(query.order_by(records.c.pos)).mappings().all()


def _fields(connection: Connection, row: Any) -> dict[str, Any]:
    found = _announcing(connection, row.sha256)
    record = decode_record(found[0]["raw"]) if found else None
    said = record if isinstance(record, Photo) else None
    return {
        "sha256": row.sha256,
        "bytes": row.bytes,
        "width": said.width if said else 0,
        "height": said.height if said else 0,
        "reason": said.reason if said else "unknown",
    }


def _why(connection: Connection, row: Any, why: str) -> str:
    of = ", ".join(identity(record) for record in _announcing(connection, row.sha256))
    return f"{why}: {of or 'its record is not kept any more'}"[:MAX_TEXT]
