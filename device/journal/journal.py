"""The journal: two streams of chained records, acknowledged and pruned, in one file on the card.

Events are on the medium when `append` returns. Positions are written at once, so that a killed
process loses none, and brought onto the medium by `sync` or by the next event: one commit with
synchronous=FULL makes everything before it in the write-ahead log durable. Nothing is read for
sending before it is durable, or a power cut could renumber what the gateway already has.
"""

import fcntl
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from device.journal.errors import JournalBusy, JournalError, RottenRow, translated
from device.journal.layout import Opening, begin_log, open_database, read_logs
from device.journal.logs import Entry, LogDocument, LogState, RowDocument, Slice, table_name
from device.journal.tinydb_sqlite import SQLiteTinyDB, sql_name
from wire.chain import START
from wire.records import STREAMS, Stream

PRUNE_AT_ONCE = 2_000
_encode = msgspec.json.encode
_decode_row = msgspec.json.Decoder(RowDocument).decode


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
        lock = None if read_only else _own(path)
        try:
            db, opening = open_database(path, read_only=read_only, suspect=suspect)
            journal = cls(path, db, opening, reached, lock)
            if not read_only:
                journal._make_ready()
        except (sqlite3.Error, OSError) as exc:
            _release(lock)
            raise translated(path, exc) from exc
        except JournalError:
            _release(lock)
            raise
        return journal

    def _make_ready(self) -> None:
        with self._db.transaction():
            for stream in STREAMS:
                if stream not in self._current:
                    self._begin(stream)
            self._run("UPDATE syncs SET n = n + 1")

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
        text = raw.decode("utf-8")
        doc_id, log = self._current[stream]
        seq, prev = log.last + 1, log.h
        h = sha256(bytes.fromhex(prev) + raw).digest()
        log.last, log.h = seq, h.hex()
        row = _encode(RowDocument(prev, log.h, text)).decode()
        try:
            with self._guard(durable):
                self._run(f"INSERT INTO {sql_name(log.table())} VALUES (?, ?)", (seq, row))
                self._write_log(doc_id, log)
                if clear_open:
                    self._run(f"DELETE FROM {sql_name('open')}")
                self._reached("journal.append.before_fsync")
        except JournalError:
            log.last, log.h = seq - 1, prev
            raise
        self._reached("journal.append.after_fsync")
        self._grown(durable)
        return Entry(stream, log.log, seq, h)

    def keep_fix(self, raw: bytes) -> None:
        """Puts a fix into the open segment: a killed process does not lose it."""
        with self._guard(durable=False):
            self._run(
                f"INSERT INTO {sql_name('open')} (body) VALUES (?)",
                (_encode({"raw": raw.decode("utf-8")}).decode(),),
            )
        self._grown(durable=False)

    def open_fixes(self) -> list[bytes]:
        """The fixes of the open segment, in order."""
        rows = self._run(f"SELECT body FROM {sql_name('open')} ORDER BY doc_id")
        return [msgspec.json.decode(body)["raw"].encode() for (body,) in rows]

    def sync(self) -> None:
        """Brings all that was written onto the medium."""
        if not self._unsynced:
            return
        with self._guard(durable=True):
            self._run("UPDATE syncs SET n = n + 1")
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
        with self._guard(durable=True):
            doc_id, log = self._current[stream]
            log.sealed = True
            self._write_log(doc_id, log)
            begun = self._begin(stream)
        self._grown(durable=True)
        return begun

    def _begin(self, stream: Stream) -> str:
        doc_id, log = begin_log(self._db, stream, secrets.token_hex(8))
        self._logs[stream, log.log] = self._current[stream] = (doc_id, log)
        self._durable[log.log] = 0
        return log.log

    # Reading

    def read(
        self, stream: Stream, log: str, first: int, *, max_count: int, max_bytes: int
    ) -> Slice | None:
        """Consecutive durable records from the first kept one at or after `first`; at least one.

        None where there is none. Raises `RottenRow` for a row that is not what was written, and
        `JournalCorrupt` where the file cannot be read.
        """
        raws: list[bytes] = []
        size, start, prev = 0, first, START
        for seq, row in self._rows(stream, log, first, max_count):
            if raws and seq != start + len(raws):
                break
            raw = row.raw.encode()
            if sha256(bytes.fromhex(row.p) + raw).hexdigest() != row.h:
                if raws:
                    break
                raise RottenRow(stream, log, seq)
            if not raws:
                start, prev = seq, bytes.fromhex(row.p)
            elif size + len(raw) > max_bytes:
                break
            raws.append(raw)
            size += len(raw)
        return Slice(stream, log, start, prev, tuple(raws)) if raws else None

    def _rows(
        self, stream: str, log: str, first: int, count: int
    ) -> Iterator[tuple[int, RowDocument]]:
        query = (
            f"SELECT doc_id, body FROM {sql_name(table_name(stream, log))} "
            "WHERE doc_id BETWEEN ? AND ? ORDER BY doc_id LIMIT ?"
        )
        try:
            for seq, body in self._run(query, (first, self._durable[log], count)):
                yield seq, _row(stream, log, seq, body)
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
            query = f"SELECT body FROM {sql_name(table_name(stream, log))} WHERE doc_id = ?"
            found = self._run(query, (at,)).fetchone() if known else None
            if found:
                return bytes.fromhex(getattr(_row(stream, log, at, found[0]), field))
        return None

    def recent(self, stream: Stream, count: int) -> list[tuple[int, bytes]]:
        """The newest records of the stream's current log, newest first."""
        log = self._current[stream][1]
        rows = self._run(
            f"SELECT doc_id, body FROM {sql_name(log.table())} ORDER BY doc_id DESC LIMIT ?",
            (count,),
        )
        return [(seq, _row(stream, log.log, seq, body).raw.encode()) for seq, body in rows]

    def iterate(self, stream: Stream) -> Iterator[tuple[str, int, bytes, bytes]]:
        """Every record kept: log, sequence number, chain value after it, bytes; oldest log first."""
        for log in self.logs(stream):
            for seq, row in self._rows(stream, log.log, 1, -1):
                yield log.log, seq, bytes.fromhex(row.h), row.raw.encode()

    # Acknowledgement and pruning

    def acknowledge(self, stream: Stream, log: str, next_seq: int, store: str) -> None:
        """Notes what the gateway has. The caller has checked that the acknowledgement is ours."""
        doc_id, document = self._logs[stream, log]
        document.next, document.store = next_seq, store
        with self._guard(durable=False):
            self._write_log(doc_id, document)

    def prune(self, now_utc_ms: int | None, keep_days: float) -> int:
        """Removes what was acknowledged more than `keep_days` ago, a bounded number at a call.

        Marks of what was acknowledged by when are set here, hourly at most; without a date
        (`now_utc_ms` None) nothing is marked and nothing removed. Returns how many were removed.
        """
        if now_utc_ms is None:
            return 0
        removed = 0
        with self._guard(durable=False):
            for _, log in list(self._logs.values()):
                removed += self._prune_log(log, now_utc_ms, keep_days)
        return removed

    def _prune_log(self, log: LogDocument, now_utc_ms: int, keep_days: float) -> int:
        self._mark(log, now_utc_ms)
        old = self._run(
            "SELECT max(next) FROM marks WHERE log = ? AND utc_ms <= ?",
            (log.log, now_utc_ms - int(keep_days * 86_400_000)),
        ).fetchone()[0]
        upto = min(old or 1, log.next, log.oldest + PRUNE_AT_ONCE)
        if upto <= log.oldest:
            return 0
        doc_id = self._logs[log.stream, log.log][0]
        gone: int = self._run(
            f"DELETE FROM {sql_name(log.table())} WHERE doc_id < ?", (upto,)
        ).rowcount
        log.oldest = upto
        self._write_log(doc_id, log)
        self._run("DELETE FROM marks WHERE log = ? AND next < ?", (log.log, upto))
        return gone

    def _mark(self, log: LogDocument, now_utc_ms: int) -> None:
        newest = self._run("SELECT max(next) FROM marks WHERE log = ?", (log.log,)).fetchone()
        if log.next > (newest[0] or 1):
            self._run(
                "INSERT INTO marks (log, next, utc_ms) VALUES (?, ?, ?)",
                (log.log, log.next, now_utc_ms),
            )

    def seal_rotten(self, stream: Stream, log: str, seq: int) -> tuple[int, int, bytes | None]:
        """Takes a rotten row out of the way: what follows it stays readable.

        Returns first and last of what is missing, and the chain's value that joins what follows.
        The row's text moves to the table `rotten`, so that nothing is deleted.
        """
        table = sql_name(table_name(stream, log))
        with self._guard(durable=True):
            (body,) = self._run(f"SELECT body FROM {table} WHERE doc_id = ?", (seq,)).fetchone()
            note = _encode({"log": log, "seq": seq, "body": body}).decode()
            self._run(f"INSERT INTO {sql_name('rotten')} (body) VALUES (?)", (note,))
            self._run(f"DELETE FROM {table} WHERE doc_id = ?", (seq,))
        self._grown(durable=True)
        follower = self._run(f"SELECT body FROM {table} WHERE doc_id = ?", (seq + 1,)).fetchone()
        h_last = bytes.fromhex(_row(stream, log, seq + 1, follower[0]).p) if follower else None
        return seq, seq, h_last or self.chain_at(stream, log, seq)

    # Settings

    def get_setting(self, name: str) -> Any:
        """A setting's value, None if it was never put."""
        row = self._run("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    def put_setting(self, name: str, value: Mapping[str, Any]) -> None:
        """Keeps a setting; it is on the medium on return."""
        with self._guard(durable=True):
            self._run(
                "INSERT OR REPLACE INTO settings VALUES (?, ?)",
                (name, _encode(value).decode()),
            )
        self._grown(durable=True)

    def size_bytes(self) -> int:
        """The file's size, with its write-ahead log."""
        names = (str(self.path), f"{self.path}-wal")
        return sum(Path(name).stat().st_size for name in names if Path(name).exists())

    def close(self) -> None:
        """Brings everything onto the medium and lets go of the file."""
        try:
            self.sync()
        finally:
            self._db.close()
            _release(self._lock)


def _row(stream: str, log: str, seq: int, body: str) -> RowDocument:
    try:
        return _decode_row(body)
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise RottenRow(stream, log, seq) from exc


def _own(path: Path) -> BinaryIO:
    """The lock that makes this process the journal's only writer."""
    try:
        lock = path.with_name(path.name + ".lock").open("ab")
    except OSError as exc:
        raise translated(path, exc) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        lock.close()
        raise JournalBusy(
            f"日志 {path} 正被另一个进程使用；请先停止它",
            f"journal {path} is in use by another process; stop that first",
        ) from exc
    return lock


def _release(lock: BinaryIO | None) -> None:
    if lock is not None:
        lock.close()
