"""One group of changes to the store: heads are read as needed, rows gathered, all written at the end.

A book is opened inside a transaction that holds the ledger. What it remembers of heads between
groups is believed only while the ledger stands where this worker left it: if another worker wrote
meanwhile, everything is read anew.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.heads import EMPTY, Gap, Head, Key, trunk
from gateway.store.schema import (
    boots,
    gaps,
    islands,
    ledger,
    logs,
    photo_files,
    photos,
    records,
    removed,
)
from gateway.store.times import BootAnchor, better
from wire.batch import decode_record
from wire.limits import MAX_AT_MS
from wire.records import Checkin, Clock, Crew, Dropped, Photo, Record, Unreadable

COLUMNS = tuple(column.name for column in records.columns)
REMEMBERED = 20_000
"""Heads kept in memory from one group to the next."""

UNSEALED = (None,) * 5
"""A record's last columns where it neither ends a batch nor follows a gap."""


class Seal(Struct, frozen=True):
    """A batch's signature, kept on its last record.

    `prev`: the chain's value before the batch, where no record that is kept has it.
    """

    first: int
    kid: str | None
    sig: str | None
    prev: bytes | None = None


class Book:
    """The heads, and the group that is being written."""

    def __init__(
        self,
        is_sqlite: bool,
        sun_mark: Callable[[Checkin | Crew], str | None] = lambda record: None,
    ) -> None:
        self._sun_mark = sun_mark
        self._insert: Any = sqlite.insert if is_sqlite else postgresql.insert
        self._is_sqlite = is_sqlite
        self._heads: dict[Key, Head] = {}
        self._with_islands: set[Key] | None = None
        self._left_at = -1
        self.connection: Connection

    def open(self, connection: Connection, now_ms: int) -> None:
        """Begins a group at the gateway's UTC `now_ms`."""
        self.connection, self.now_ms = connection, now_ms
        self._pos: int = connection.execute(sa.select(ledger.c.next_pos)).scalar_one()
        if self._pos != self._left_at or len(self._heads) > REMEMBERED:
            self.forget()
        self._rows: list[tuple[Any, ...]] = []
        self._fresh: dict[tuple[Key, int], bytes] = {}
        self._changed: dict[Key, Head] = {}
        self._anchors: dict[tuple[str, str], BootAnchor] = {}
        self._moved: set[Key] = set()
        self.begun: list[Key] = []

    def forget(self) -> None:
        """Another worker wrote, or a group failed: nothing remembered counts any more."""
        self._heads.clear()
        self._with_islands = None
        self._left_at = -1

    @property
    def pos(self) -> int:
        """The position that the next record gets."""
        return self._pos

    def appended(self) -> dict[Key, list[int]]:
        """The numbers of the records that this group appended so far, by their log."""
        found: dict[Key, list[int]] = {}
        for key, seq in self._fresh:
            found.setdefault(key, []).append(seq)
        return found

    # Heads

    def head(self, key: Key) -> Head:
        """How far `key` is known."""
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._read_head(key)
        return head

    def _read_head(self, key: Key) -> Head:
        row = self.connection.execute(
            sa.select(logs.c.next, logs.c.h).where(_is(logs, key))
        ).first()
        return Head(row.next, row.h) if row else EMPTY

    def forks(self, key: Key) -> list[Key]:
        """The branches of a log that are known, the oldest first."""
        unit, stream, log = key
        found = self.connection.execute(
            sa.select(logs.c.log)
            .where(logs.c.unit == unit, logs.c.stream == stream, logs.c.log.like(f"{log}~%"))
            .order_by(logs.c.first_ms, logs.c.log)
        )
        stored = [(unit, stream, row.log) for row in found]
        fresh = [k for k in self._changed if k[:2] == key[:2] and k[2].startswith(f"{log}~")]
        return [*stored, *(k for k in fresh if k not in stored)]

    def has_other_log(self, key: Key) -> bool:
        """Whether the unit already had another log of this stream."""
        unit, stream, log = key
        other = self.connection.execute(
            sa.select(logs.c.log)
            .where(logs.c.unit == unit, logs.c.stream == stream, logs.c.log != log)
            .limit(1)
        ).first()
        return other is not None

    def h_at(self, key: Key, seq: int) -> bytes | None:
        """The chain's value after record `seq`, None where the store has no such record, nor what followed it."""
        fresh = self._fresh.get((key, seq))
        if fresh is not None:
            return fresh
        found: bytes | None = self.connection.execute(
            sa.select(records.c.h).where(_is(records, key), records.c.seq == seq)
        ).scalar()
        if found is not None:
            return found
        last, h_last = self._removed(key)
        return h_last if seq == last else None

    def _removed(self, key: Key) -> tuple[int, bytes | None]:
        """Up to which number the site's policy removed what was here, and the chain's value there."""
        query = sa.select(removed.c.last, removed.c.h_last).where(_is(removed, key))
        row = self.connection.execute(query).first()
        return (row.last, row.h_last) if row else (0, None)

    def was_removed(self, key: Key, seq: int) -> bool:
        """Whether record `seq` was here, and the site's policy removed it."""
        return seq <= self._removed(key)[0]

    def move(self, key: Key, head: Head) -> None:
        """Sets a head without a record: after a gap, or at the root of a branch."""
        if self.head(key) is EMPTY and key not in self._changed:
            self.begun.append(key)
        self._heads[key] = self._changed[key] = head
        self._moved.add(key)

    # Records

    def append(
        self,
        key: Key,
        raws: Sequence[bytes],
        hs: Sequence[bytes],
        seal: Seal | None = None,
        mark: str | None = None,
        received_ms: int | None = None,
    ) -> list[tuple[int, Record]]:
        """Appends consecutive records to `key`; returns those that ask for more, each with its `pos`.

        `mark` says what is wrong with the first of them, None when nothing is. `received_ms`: when they came,
        where that was not now: what came before its key was revoked counts, however late it found its place.
        """
        self._came_ms = self.now_ms if received_ms is None else received_ms
        head = self.head(key)
        if head is EMPTY:
            self.begun.append(key)
        asking: list[tuple[int, Record]] = []
        seq, before = head.next, len(self._rows)
        for raw, h in zip(raws, hs, strict=True):
            record = decode_record(raw)
            if isinstance(record, Clock | Dropped | Photo) or _is_judged(record):
                asking.append((self._pos, record))
            self._add(key, seq, raw, h, record, mark or self._marked(record))
            self._fresh[key, seq] = h
            seq, mark = seq + 1, None
        if key in self._moved:
            self._moved.discard(key)
            self._rows[before] = (*self._rows[before][:-1], head.h)
        if seal and seal.sig:
            last = self._rows[-1]
            self._rows[-1] = (*last[:-5], seal.first, seal.kid, seal.sig, seal.prev, last[-1])
        self._heads[key] = self._changed[key] = Head(seq, hs[-1])
        return asking

    def _add(
        self,
        key: Key,
        seq: int,
        raw: bytes,
        h: bytes,
        record: Record | Unreadable,
        mark: str | None,
    ) -> None:
        said = said_beside(record)
        if isinstance(record, Unreadable) and record.why:
            mark = mark or f"unreadable: {record.why}"
        self._rows.append((self._pos, *key, seq, *said, raw, h, self._came_ms, mark, *UNSEALED))
        self._pos += 1

    def _marked(self, record: Record | Unreadable) -> str | None:
        return self._sun_mark(record) if _has_sun(record) else None

    def learned(self, unit: str, clock: Clock, pos: int) -> None:
        """A `clock` record of `unit` at `pos`: kept as its boot's anchor, if it says more than the one held."""
        key = (unit, clock.boot)
        new = BootAnchor(clock.up_ms, clock.utc_ms, clock.err_ms, clock.source, pos)
        if better(new, self._anchors.get(key) or self._anchor(key)):
            self._anchors[key] = new

    def announced(self, unit: str, photo: Photo, pos: int) -> None:
        """A `photo` record of `unit` at `pos`: from its commit on the bytes of that hash are taken.

        One that tells of a loss ends the waiting for them.
        """
        if photo.lost is not None:
            self.connection.execute(
                photos.update()
                .where(photos.c.unit == unit, photos.c.sha256 == photo.sha256)
                .values(wanted=False, lost=photo.lost.replace("\0", ""))
            )
            return
        here = sa.select(photo_files.c.sha256).where(photo_files.c.sha256 == photo.sha256)
        wanted = self.connection.execute(here).first() is None
        row = {"unit": unit, "sha256": photo.sha256, "bytes": photo.bytes, "pos": pos}
        insert = self._insert(photos).values(**row, wanted=wanted)
        self.connection.execute(insert.on_conflict_do_nothing())

    def _anchor(self, key: tuple[str, str]) -> BootAnchor | None:
        row = self.connection.execute(
            sa.select(boots).where(boots.c.unit == key[0], boots.c.boot == key[1])
        ).first()
        return BootAnchor(row.up_ms, row.utc_ms, row.err_ms, row.source, row.pos) if row else None

    # Islands and gaps

    def keep_island(self, key: Key, first: int, last: int, prev: bytes, payload: bytes) -> None:
        """Keeps a batch whose place is not reached yet; a longer one takes the place of a shorter."""
        insert = self._insert(islands).values(
            unit=key[0],
            stream=key[1],
            log=key[2],
            first=first,
            last=last,
            prev=prev,
            payload=payload,
            received_ms=self.now_ms,
        )
        new = insert.excluded
        self.connection.execute(
            insert.on_conflict_do_update(
                index_elements=["unit", "stream", "log", "first", "prev"],
                set_={"last": new.last, "payload": new.payload, "received_ms": new.received_ms},
                where=islands.c.last < new.last,
            )
        )
        self._islands().add(key)
        self._pos += 1

    def islands_of(self, unit: str) -> int:
        """How many batches of a unit wait for their place."""
        count: int = self.connection.execute(
            sa.select(sa.func.count()).select_from(islands).where(islands.c.unit == unit)
        ).scalar_one()
        return count

    def island(self, key: Key) -> Any:
        """The waiting batch that could be next, as a row; None if there is none.

        Batches wait under their log's own name: of which branch they are, their place will tell.
        """
        key = trunk(key)
        if key not in self._islands():
            return None
        first = self.connection.execute(
            sa.select(islands).where(_is(islands, key)).order_by(islands.c.first).limit(1)
        ).first()
        if first is None:
            self._islands().discard(key)
        return first

    def take_island(self, row: Any) -> None:
        """Removes a batch that has found its place, or never will."""
        key = (row.unit, row.stream, row.log)
        self.connection.execute(
            islands.delete().where(
                _is(islands, key), islands.c.first == row.first, islands.c.prev == row.prev
            )
        )

    def _islands(self) -> set[Key]:
        if self._with_islands is None:
            found = self.connection.execute(
                sa.select(islands.c.unit, islands.c.stream, islands.c.log).distinct()
            )
            self._with_islands = {(row.unit, row.stream, row.log) for row in found}
        return self._with_islands

    def declare_gap(self, key: Key, gap: Gap, why: str) -> None:
        """Notes that records will never come. A declaration that knows `h_last` replaces one without.

        One that goes on where another ends lengthens it: a unit may declare one record at a time.
        A unit does not know of branches, so what it declares counts for all of them.
        """
        key = trunk(key)
        self._pos += 1
        if gap.h_last is not None and self._lengthened(key, gap, why):
            return
        insert = self._insert(gaps).values(
            unit=key[0],
            stream=key[1],
            log=key[2],
            first=gap.first,
            last=gap.last,
            h_last=gap.h_last,
            why=why.replace("\0", ""),
        )
        index = ["unit", "stream", "log", "first"]
        new = insert.excluded
        self.connection.execute(
            insert.on_conflict_do_update(
                index_elements=index,
                set_={"last": new.last, "h_last": new.h_last, "why": new.why},
                where=sa.or_(gaps.c.h_last.is_(None), gaps.c.last <= new.last),
            )
        )

    def _lengthened(self, key: Key, gap: Gap, why: str) -> bool:
        """Whether the declaration before it now says this one's word too."""
        before = sa.select(gaps).where(_is(gaps, key), gaps.c.first < gap.first)
        row = self.connection.execute(before.order_by(gaps.c.first.desc()).limit(1)).first()
        if row is None or row.last != gap.first - 1:
            return row is not None and row.last >= gap.last and row.h_last is not None
        longer = gaps.update().where(_is(gaps, key), gaps.c.first == row.first)
        values = {"last": gap.last, "h_last": gap.h_last, "why": why.replace("\0", "")}
        self.connection.execute(longer.values(**values))
        return True

    def gap_at(self, key: Key, seq: int) -> Gap | None:
        """The declared gap that `seq` lies in, with those that follow it without a record between.

        None where nothing is declared missing.
        """
        gap = found = self._declared(key, seq)
        while found and (found := self._declared(key, found.last + 1)):
            gap = Gap(gap.first, found.last, found.h_last) if gap else found
        return gap

    def _declared(self, key: Key, seq: int) -> Gap | None:
        row = self.connection.execute(
            sa.select(gaps)
            .where(_is(gaps, trunk(key)), gaps.c.first <= seq, gaps.c.last >= seq)
            .order_by(gaps.c.h_last.is_(None), gaps.c.last.desc())
            .limit(1)
        ).first()
        return Gap(row.first, row.last, row.h_last) if row else None

    # The end of the group

    def close(self) -> None:
        """Writes what was gathered; the transaction's commit makes it true."""
        if self._rows:
            self._write_records()
        if self._changed:
            self._write_heads()
        for (unit, boot), anchor in self._anchors.items():
            self._write_anchor(unit, boot, anchor)
        self.connection.execute(ledger.update().values(next_pos=self._pos))
        self._left_at = self._pos

    def _write_records(self) -> None:
        if self._is_sqlite:
            marks = ", ".join("?" * len(COLUMNS))
            self.connection.exec_driver_sql(
                f"INSERT INTO records ({', '.join(COLUMNS)}) VALUES ({marks})", self._rows
            )
        else:
            rows = [dict(zip(COLUMNS, row, strict=True)) for row in self._rows]
            self.connection.execute(records.insert(), rows)

    def _write_heads(self) -> None:
        insert = self._insert(logs)
        upsert = insert.on_conflict_do_update(
            index_elements=["unit", "stream", "log"],
            set_={"next": insert.excluded.next, "h": insert.excluded.h},
        )
        self.connection.execute(
            upsert,
            [
                {
                    "unit": unit,
                    "stream": stream,
                    "log": log,
                    "next": head.next,
                    "h": head.h,
                    "first_ms": self.now_ms,
                }
                for (unit, stream, log), head in self._changed.items()
            ],
        )

    def _write_anchor(self, unit: str, boot: str, anchor: BootAnchor) -> None:
        values = {
            "up_ms": anchor.up_ms,
            "utc_ms": anchor.utc_ms,
            "err_ms": anchor.err_ms,
            "source": anchor.source,
            "pos": anchor.pos,
        }
        insert = self._insert(boots).values(unit=unit, boot=boot, **values)
        self.connection.execute(
            insert.on_conflict_do_update(index_elements=["unit", "boot"], set_=values)
        )


def _has_sun(record: Record | Unreadable) -> TypeGuard[Checkin | Crew]:
    return isinstance(record, Checkin | Crew) and record.sun is not None


def _is_judged(record: Record | Unreadable) -> TypeGuard[Checkin | Crew]:
    """Whether it may be worth a word: it has a SUN message, or its unit found its card forged."""
    return _has_sun(record) or (isinstance(record, Checkin | Crew) and record.result == "forged")


def _is(table: sa.Table, key: Key) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.unit == key[0], table.c.stream == key[1], table.c.log == key[2])


def said_beside(record: Record | Unreadable) -> tuple[Any, ...]:
    """What stands beside a record, as it says itself: kind, boot, up_ms, at_ms, clock; None where it cannot."""
    if isinstance(record, Unreadable):
        return _said(record)
    tag = record.__struct_config__.tag
    return tag, record.boot, record.up_ms, record.at_ms, record.clock


def _said(record: Unreadable) -> tuple[Any, ...]:
    """What an unreadable record says of itself, as far as it can be stored."""
    fields = record.fields or {}
    kind = _text(record.kind, 64)
    boot, clock = (_text(fields.get(name), 8) for name in ("boot", "clock"))
    up_ms = _number(fields.get("up_ms"), 2**53)
    at_ms = _number(fields.get("at_ms"), MAX_AT_MS)
    return kind, boot, up_ms, at_ms, clock


def _text(value: object, length: int) -> str | None:
    return value if isinstance(value, str) and len(value) <= length and "\0" not in value else None


def _number(value: object, most: int) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    return None
