"""The journal: two streams of chained records, acknowledged and pruned, in one file on the card.

Events are on the medium when `append` returns. Positions are written at once, so that a killed
process loses none, and brought onto the medium by `sync` or by the next event: one commit with
synchronous=FULL makes everything before it in the write-ahead log durable. Nothing is read for
sending before it is durable, or a power cut could renumber what the gateway already has.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import structs

from device.journal import pruning, wal
from device.journal.errors import JournalError, RottenRow, translated
from device.journal.layout import Opening, begin_log, open_database, read_logs
from device.journal.lock import IN_USE, note, own, release, was_in_use
from device.journal.logs import (
    Entry,
    FixDocument,
    LogDocument,
    LogState,
    RowDocument,
    Slice,
    Usage,
    read_fix,
    read_row,
    table_name,
)
from device.journal.tinydb_sqlite import SQLiteTinyDB, sql_name
from wire.chain import START
from wire.records import STREAMS, Stream

TOUCH = "REPLACE INTO syncs (rowid, n) SELECT 1, coalesce(max(n), 0) + 1 FROM syncs"
"""Writes something, whatever became of the row: a commit of nothing brings nothing onto the medium."""

_encode = msgspec.json.encode


def nothing(point: str) -> None:
    """Does nothing at a named point; a test puts a kill in its place."""
    del point


class Journal:
    """One unit's journal. The thread that opened it owns it."""

    def __init__(
        self,
        path: Path,
        db: SQLiteTinyDB,
        opening: Opening,
        reached: Callable[[str], None],
        lock: BinaryIO | None,
    ) -> None:
        self.path, self.opening = path, opening
        self._db, self._reached, self._lock = db, reached, lock
        self._run = db.storage.connection.execute  # type: ignore[attr-defined]
        self._logs: dict[tuple[str, str], tuple[int, LogDocument]] = read_logs(db)
        self._current: dict[str, tuple[int, LogDocument]] = {}
        self._durable: dict[str, int] = {}
        self._unsynced = False
        for doc_id, log in self._logs.values():
            self._durable[log.log] = log.last
            if not log.sealed:
                self._current[log.stream] = (doc_id, log)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        suspect: bool = False,
        reached: Callable[[str], None] = nothing,
    ) -> "Journal":
        """Opens or makes the journal at `path`; `suspect`: look for damage first.

        A damaged file is set aside and salvaged (see `opening`). Raises the family of
        `device.journal.errors`. With `read_only` a running unit's journal may be read beside it.
        """
        lock = None if read_only else own(path)
        try:
            tail = wal.tail_of(path) if lock and was_in_use(lock) else None
            db, opening = open_database(path, read_only=read_only, suspect=suspect)
        except (sqlite3.Error, OSError) as exc:
            release(lock)
            raise translated(path, exc) from exc
        except JournalError:
            release(lock)
            raise
        try:
            journal = cls(path, db, opening, reached, lock)
            if lock:
                journal._look_for_loss(tail)
                journal._make_ready()
                note(lock, IN_USE)
        except (sqlite3.Error, OSError) as exc:
            db.close()
            release(lock)
            raise translated(path, exc) from exc
        return journal

    def _look_for_loss(self, tail: wal.Tail | None) -> None:
        """Records that are gone without a trace must not have their numbers given again."""
        if tail is None or self.opening.kind == "salvaged":
            return
        cut = wal.lost(tail, self._db.storage.connection)  # type: ignore[attr-defined]
        if cut:
            self.opening = structs.replace(self.opening, cut=cut)

    def _make_ready(self) -> None:
        with self._db.transaction():
            if self.opening.cut:
                self._seal_current()
            for stream in STREAMS:
                if stream not in self._current:
                    self._took_up(*begin_log(self._db, stream, secrets.token_hex(8)))
            self._run(TOUCH)

    def _seal_current(self) -> None:
        for doc_id, log in self._current.values():
            log.sealed = True
            self._write_log(doc_id, log)
        self._current.clear()

    # Writing

    def append(self, stream: Stream, raw: bytes) -> Entry:
        """Appends a record. An event is on the medium on return; a track record after `sync`.

        Raises ValueError for bytes that are not UTF-8, and the journal's errors; then nothing was
        appended.
        """
        return self._append(stream, raw, durable=stream == "event", clear_open=False)

    def append_segment(self, raw: bytes) -> Entry:
        """Appends a track record and clears the open segment, both or neither."""
        return self._append("track", raw, durable=False, clear_open=True)

    def _append(self, stream: Stream, raw: bytes, durable: bool, clear_open: bool) -> Entry:
        with self._undone_on_error(), self._guard(durable):
            entry = self._put(stream, raw)
            if clear_open:
                self._run(f"DELETE FROM {sql_name('open')}")
            self._reached("journal.append.before_fsync")
        self._reached("journal.append.after_fsync")
        self._grown(durable)
        return entry

    def _put(self, stream: Stream, raw: bytes) -> Entry:
        """Writes a record at the end of the stream's log, in the caller's transaction."""
        text = raw.decode("utf-8")
        doc_id, log = self._current[stream]
        seq, prev = log.last + 1, log.h
        h = sha256(bytes.fromhex(prev) + raw).digest()
        log.last, log.h = seq, h.hex()
        row = _encode(RowDocument(seq, prev, log.h, text)).decode()
        self._run(f"INSERT INTO {sql_name(log.table())} VALUES (?, ?)", (seq, row))
        self._write_log(doc_id, log)
        return Entry(stream, log.log, seq, h)

    @contextmanager
    def _undone_on_error(self, *logs: LogDocument) -> Iterator[None]:
        """What is remembered of `logs` and the current ones is again what it was, when the change failed."""
        current, known, durable = dict(self._current), dict(self._logs), dict(self._durable)
        documents = [*logs, *(log for _, log in current.values())]
        before = [(log, log.last, log.h, log.oldest, log.sealed) for log in documents]
        try:
            yield
        except (JournalError, ValueError):
            for log, last, h, oldest, sealed in before:
                log.last, log.h, log.oldest, log.sealed = last, h, oldest, sealed
            self._current, self._logs, self._durable = current, known, durable
            raise

    def replace(
        self, stream: Stream, log: str, upto: int, instead: Sequence[tuple[Stream, bytes]]
    ) -> list[Entry]:
        """Appends `instead` and removes all of `log` below `upto`: both on the medium, or neither.

        The caller sees to it that `instead` declares what is removed. Raises as `append` does.
        """
        document = self._logs[stream, log][1]
        with self._undone_on_error(document), self._guard(durable=True):
            entries = [self._put(where, raw) for where, raw in instead]
            self._remove(document, upto)
            self._reached("journal.replace.before_fsync")
        self._reached("journal.replace.after_fsync")
        self._grown(durable=True)
        return entries

    def keep_fix(self, raw: bytes) -> None:
        """Puts a fix into the open segment: a killed process does not lose it."""
        with self._guard(durable=False):
            self._run(
                f"INSERT INTO {sql_name('open')} (body) VALUES (?)",
                (_encode(FixDocument(raw.decode("utf-8"))).decode(),),
            )
        self._grown(durable=False)

    def open_fixes(self) -> list[bytes]:
        """The fixes of the open segment, in order; one that cannot be read any more is left out."""
        rows = self._fetch(f"SELECT body FROM {sql_name('open')} ORDER BY doc_id")
        return [fix.encode() for (body,) in rows if (fix := read_fix(body)) is not None]

    def sync(self) -> None:
        """Brings all that was written onto the medium."""
        if not self._unsynced:
            return
        with self._guard(durable=True):
            self._run(TOUCH)
        self._grown(durable=True)

    def _grown(self, durable: bool) -> None:
        self._unsynced = not durable
        if durable:
            for _, log in self._current.values():
                self._durable[log.log] = log.last

    def _write_log(self, doc_id: int, log: LogDocument) -> None:
        self._run(
            f"UPDATE {sql_name('logs')} SET body = ? WHERE doc_id = ?",
            (_encode(log).decode(), doc_id),
        )

    @contextmanager
    def _guard(self, durable: bool) -> Iterator[None]:
        try:
            with self._db.transaction(durable):
                yield
        except (sqlite3.Error, OSError) as exc:
            raise translated(self.path, exc) from exc

    # Logs

    def logs(self, stream: Stream) -> list[LogState]:
        """The stream's logs, oldest first; the last is the current one."""
        found = [item for item in self._logs.values() if item[1].stream == stream]
        return [self._state(log) for _, log in sorted(found, key=lambda item: item[0])]

    def _state(self, log: LogDocument) -> LogState:
        return LogState(
            stream=log.stream,
            log=log.log,
            oldest=log.oldest,
            last=log.last,
            h=bytes.fromhex(log.h),
            next=log.next,
            store=log.store,
            sealed=log.sealed,
            durable_last=self._durable[log.log],
        )

    def new_log(self, stream: Stream) -> str:
        """Seals the stream's log and begins another; returns its name."""
        with self._undone_on_error(), self._guard(durable=True):
            name = self._begin_another(stream)
        self._grown(durable=True)
        return name

    def _begin_another(self, stream: Stream) -> str:
        """In the caller's transaction, which restores what is remembered when it fails."""
        doc_id, log = self._current[stream]
        log.sealed = True
        self._write_log(doc_id, log)
        self._took_up(*begin_log(self._db, stream, secrets.token_hex(8)))
        return self._current[stream][1].log

    def _took_up(self, doc_id: int, log: LogDocument) -> None:
        self._logs[log.stream, log.log] = self._current[log.stream] = (doc_id, log)
        self._durable[log.log] = 0

    # Reading

    def read(
        self, stream: Stream, log: str, first: int, *, max_count: int, max_bytes: int
    ) -> Slice | None:
        """Consecutive durable records from the first kept one at or after `first`; at least one.

        None where there is none. Raises `RottenRow` for a row that is not what was written, and
        `JournalCorrupt` where the file cannot be read.
        """
        raws: list[bytes] = []
        size, start, prev, h = 0, first, START, ""
        for seq, body in self._rows(stream, log, first, max_count):
            row = read_row(seq, body)
            if row is None and not raws:
                raise RottenRow(stream, log, seq)
            if row is None:
                break
            raw = row.raw.encode()
            if not raws:
                start, prev = seq, bytes.fromhex(row.p)
            elif seq != start + len(raws) or row.p != h or size + len(raw) > max_bytes:
                break
            raws.append(raw)
            h = row.h
            size += len(raw)
        return Slice(stream, log, start, prev, tuple(raws)) if raws else None

    def _rows(self, stream: str, log: str, first: int, count: int) -> Iterator[tuple[int, str]]:
        query = (
            f"SELECT doc_id, body FROM {sql_name(table_name(stream, log))} "
            "WHERE doc_id BETWEEN ? AND ? ORDER BY doc_id LIMIT ?"
        )
        try:
            yield from self._run(query, (first, self._durable[log], count))
        except sqlite3.Error as exc:
            raise translated(self.path, exc) from exc

    def chain_at(self, stream: str, log: str, seq: int) -> bytes | None:
        """The chain's value after record `seq`; 32 zero bytes for 0; None where it is not kept."""
        if seq == 0:
            return START
        known = self._logs.get((stream, log))
        if known and seq == known[1].last:
            return bytes.fromhex(known[1].h)
        for field, at in (("h", seq), ("p", seq + 1)):
            row = self._whole_row(stream, log, at) if known else None
            if row:
                return bytes.fromhex(getattr(row, field))
        return None

    def _whole_row(self, stream: str, log: str, seq: int) -> RowDocument | None:
        """The row; None where it is not kept, or is not what was written."""
        query = f"SELECT body FROM {sql_name(table_name(stream, log))} WHERE doc_id = ?"
        found = self._fetch(query, (seq,))
        return read_row(seq, found[0][0]) if found else None

    def _fetch(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return list(self._run(query, values))
        except sqlite3.Error as exc:
            raise translated(self.path, exc) from exc

    def recent(self, stream: Stream, count: int) -> list[tuple[int, bytes]]:
        """The newest records of the stream's current log, newest first, without those that rotted."""
        log = self._current[stream][1]
        rows = self._fetch(
            f"SELECT doc_id, body FROM {sql_name(log.table())} ORDER BY doc_id DESC LIMIT ?",
            (count,),
        )
        read = ((seq, read_row(seq, body)) for seq, body in rows)
        return [(seq, row.raw.encode()) for seq, row in read if row]

    def naming(self, text: str) -> Iterator[bytes]:
        """The events that hold `text` anywhere, without those that rotted; all logs are looked through."""
        for log in self.logs("event"):
            rows = self._fetch(
                f"SELECT doc_id, body FROM {sql_name(table_name('event', log.log))} "
                "WHERE instr(body, ?)",
                (text,),
            )
            yield from (row.raw.encode() for seq, body in rows if (row := read_row(seq, body)))

    def iterate(
        self, stream: Stream, rotten: list[RottenRow] | None = None
    ) -> Iterator[tuple[str, int, bytes, bytes]]:
        """Every record kept: log, sequence number, chain value after it, bytes; oldest log first.

        What cannot be read any more is put into `rotten`; None: raises the `RottenRow`.
        """
        for log in self.logs(stream):
            for seq, body in self._rows(stream, log.log, 1, -1):
                row = read_row(seq, body)
                if row:
                    yield log.log, seq, bytes.fromhex(row.h), row.raw.encode()
                elif rotten is None:
                    raise RottenRow(stream, log.log, seq)
                else:
                    rotten.append(RottenRow(stream, log.log, seq))

    # Acknowledgement and pruning

    def acknowledge(self, stream: Stream, log: str, next_seq: int, store: str) -> None:
        """Notes what the gateway has. The caller has checked that the acknowledgement is ours."""
        doc_id, document = self._logs[stream, log]
        before = document.next, document.store
        document.next, document.store = next_seq, store
        try:
            with self._guard(durable=False):
                self._write_log(doc_id, document)
        except JournalError:
            document.next, document.store = before
            raise

    def prune(self, now_utc_ms: int | None, keep_days: float) -> int:
        """Removes what was acknowledged more than `keep_days` ago, a bounded number at a call.

        Marks of what was acknowledged by when are set here, one a call at most; without a date
        (`now_utc_ms` None) nothing is marked and nothing removed. Returns how many were removed.
        """
        if now_utc_ms is None:
            return 0
        logs = [log for _, log in self._logs.values()]
        with self._undone_on_error(*logs), self._guard(durable=False):
            return sum(self._prune_log(log, now_utc_ms, keep_days) for log in logs)

    def _prune_log(self, log: LogDocument, now_utc_ms: int, keep_days: float) -> int:
        pruning.mark(self._run, log, now_utc_ms)
        upto = pruning.due(self._run, log, now_utc_ms, keep_days)
        if upto <= log.oldest:
            return 0
        return self._remove(log, upto)

    def _remove(self, log: LogDocument, upto: int) -> int:
        gone = pruning.remove(self._run, log, upto)
        self._write_log(self._logs[log.stream, log.log][0], log)
        return gone

    def drop_acknowledged(self, stream: Stream, log: str) -> int:
        """Removes a bounded number of the oldest of `log` that the gateway has; returns how many."""
        document = self._logs[stream, log][1]
        upto = pruning.bounded(document, document.next)
        with self._undone_on_error(document), self._guard(durable=False):
            return self._remove(document, upto) if upto > document.oldest else 0

    def seal_rotten(
        self, stream: Stream, log: str, seq: int, dropped: bytes
    ) -> tuple[Entry, str | None]:
        """Takes a rotten row out of the way, so that what follows it stays readable; `dropped` declares it.

        A current log is sealed, and another begun, whose name is returned: the declaration must not stand
        behind the gap. All is on the medium, or nothing. The row's text moves to the table `rotten`.
        """
        table = sql_name(table_name(stream, log))
        begun = None
        with self._undone_on_error(), self._guard(durable=True):
            if self._current[stream][1].log == log:
                begun = self._begin_another(stream)
            entry = self._put("event", dropped)
            (body,) = self._run(f"SELECT body FROM {table} WHERE doc_id = ?", (seq,)).fetchone()
            note = _encode({"log": log, "seq": seq, "body": body}).decode()
            self._run(f"INSERT INTO {sql_name('rotten')} (body) VALUES (?)", (note,))
            self._run(f"DELETE FROM {table} WHERE doc_id = ?", (seq,))
            self._reached("journal.seal.before_fsync")
        self._reached("journal.seal.after_fsync")
        self._grown(durable=True)
        return entry, begun

    # Settings

    def get_setting(self, name: str) -> Any:
        """A setting's value, None if it was never put. Raises `msgspec.DecodeError` for a rotten one."""
        rows = self._fetch("SELECT value FROM settings WHERE name = ?", (name,))
        return msgspec.json.decode(rows[0][0]) if rows else None

    def put_setting(self, name: str, value: Mapping[str, Any]) -> None:
        """Keeps a setting; it is on the medium on return."""
        with self._guard(durable=True):
            text = _encode(value).decode()
            self._run("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, text))
        self._grown(durable=True)

    def drop_setting(self, name: str) -> None:
        """Removes a setting, if there is one."""
        with self._guard(durable=True):
            self._run("DELETE FROM settings WHERE name = ?", (name,))

    def size_bytes(self) -> int:
        """The file's size, with its write-ahead log."""
        names = (str(self.path), f"{self.path}-wal")
        return sum(Path(name).stat().st_size for name in names if Path(name).exists())

    def usage(self) -> Usage:
        """How much of the medium the journal takes, and how much of that holds something."""
        count, free, size = (
            self._fetch(f"PRAGMA {name}")[0][0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        wal = Path(f"{self.path}-wal")
        wal_bytes = wal.stat().st_size if wal.exists() else 0
        return Usage(count * size, (count - free) * size, wal_bytes)

    def give_back(self, most_bytes: int) -> None:
        """Makes the file shorter by at most so much of what holds nothing.

        A file that was begun before journals had a budget stays as long as it is; its empty pages are used again.
        """
        with self._guard(durable=False):
            pages = most_bytes // self._fetch("PRAGMA page_size")[0][0]
            self._fetch(f"PRAGMA incremental_vacuum({pages})")

    def close(self) -> None:
        """Brings everything onto the medium and lets go of the file."""
        synced = False
        try:
            self.sync()
            synced = True
        finally:
            self._db.close()
            release(self._lock, closed=synced)
