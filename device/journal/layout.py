"""The journal's file: its tables, its version, and how it is opened whatever state it is in."""

import sqlite3
from pathlib import Path

import msgspec

from device.journal.errors import JournalCorrupt, JournalMissing, JournalNewer, translated
from device.journal.logs import LogDocument, LostSpan, table_name
from device.journal.salvage import salvage, set_aside
from device.journal.tinydb_sqlite import SQLiteStorage, SQLiteTinyDB, sql_name
from wire.records import Stream

VERSION = 1
APPLICATION_ID = 0x786B6A31
"""`xkj1` in the file's header: file(1) and we can tell what it is."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS syncs (n INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS marks (log TEXT NOT NULL, next INTEGER, utc_ms INTEGER)",
    "INSERT INTO syncs SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM syncs)",
)


class Opening(msgspec.Struct, frozen=True):
    """How the journal was found: `fresh`, `existing`, or `salvaged` from the file now at `set_aside`."""

    kind: str
    set_aside: Path | None = None
    lost: tuple[LostSpan, ...] = ()


def open_database(
    path: Path, *, read_only: bool = False, suspect: bool = False
) -> tuple[SQLiteTinyDB, Opening]:
    """Opens or makes the file. A damaged one is set aside, and what can be read is put into a new one.

    Raises the journal's errors, `sqlite3.Error` and `OSError`.
    """
    _check_place(path, read_only)
    fresh = not path.exists() or path.stat().st_size == 0
    try:
        db = _open_sound(path, read_only=read_only, suspect=suspect)
    except (JournalCorrupt, sqlite3.DatabaseError) as exc:
        if read_only or not _damage(path, exc):
            raise
        return _open_salvaged(path)
    return db, Opening("fresh" if fresh else "existing")


def _check_place(path: Path, read_only: bool) -> None:
    if path.is_dir() or not path.parent.is_dir() or (read_only and not path.exists()):
        raise JournalMissing(
            f"日志 {path} 打不开：目录不存在，或路径不是文件；请检查 [journal] path",
            f"journal {path} cannot be opened: no such folder, or not a file; check [journal] path",
        )


def _damage(path: Path, exc: Exception) -> bool:
    return isinstance(exc, JournalCorrupt) or (
        isinstance(exc, sqlite3.Error) and isinstance(translated(path, exc), JournalCorrupt)
    )


def _open_sound(path: Path, *, read_only: bool, suspect: bool) -> SQLiteTinyDB:
    db = SQLiteTinyDB(path, read_only=read_only)
    try:
        _check_version(path, db)
        if not read_only:
            _lay_out(db)
        _check_heads(path, db, suspect)
    except BaseException:
        db.close()
        raise
    return db


def _check_version(path: Path, db: SQLiteTinyDB) -> None:
    version = _storage(db).connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalNewer(
            f"日志 {path} 的格式版本为 {version}，本软件只认识到 {VERSION}；请升级软件，文件未被改动",
            f"journal {path} has format {version}, this software knows {VERSION}: "
            "update the software; the file was not touched",
        )


def _lay_out(db: SQLiteTinyDB) -> None:
    storage = _storage(db)
    with storage.transaction() as connection:
        for statement in _TABLES:
            connection.execute(statement)
        for table in ("logs", "open", "rotten"):
            storage.create(table)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _check_heads(path: Path, db: SQLiteTinyDB, suspect: bool) -> None:
    """The cheap checks of every start, and the thorough one when damage was met."""
    run = _storage(db).connection.execute
    if suspect and run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise JournalCorrupt(f"日志 {path} 已损坏", f"journal {path} is damaged")
    for _, log in read_logs(db).values():
        newest = run(f"SELECT max(doc_id) FROM {sql_name(log.table())}").fetchone()[0]
        if (newest or 0) > log.last:
            raise JournalCorrupt(
                f"日志 {path} 的 {log.log} 有超出其记录末尾的行",
                f"journal {path}: log {log.log} has rows beyond its own end",
            )


def read_logs(db: SQLiteTinyDB) -> dict[tuple[str, str], tuple[int, LogDocument]]:
    """Every log's document with its id, by stream and name, in the order in which they were begun."""
    if "logs" not in db.tables():
        return {}
    rows = _storage(db).connection.execute(
        f"SELECT doc_id, body FROM {sql_name('logs')} ORDER BY doc_id"
    )
    found = ((doc_id, msgspec.json.decode(body, type=LogDocument)) for doc_id, body in rows)
    return {(log.stream, log.log): (doc_id, log) for doc_id, log in found}


def begin_log(db: SQLiteTinyDB, stream: Stream, name: str) -> tuple[int, LogDocument]:
    """Makes a log's document and the table of its records; call it in a transaction."""
    log = LogDocument(stream, name)
    return _insert_log(db, log), log


def _insert_log(db: SQLiteTinyDB, log: LogDocument) -> int:
    storage = _storage(db)
    storage.create(table_name(log.stream, log.log))
    cursor = storage.connection.execute(
        f"INSERT INTO {sql_name('logs')} (body) VALUES (?)", (msgspec.json.encode(log).decode(),)
    )
    return cursor.lastrowid or 0


def _open_salvaged(path: Path) -> tuple[SQLiteTinyDB, Opening]:
    aside = set_aside(path)
    db = SQLiteTinyDB(path)
    _lay_out(db)
    with db.transaction():
        found = salvage(aside)
        for log in found.logs:
            _insert_log(db, log)
        for stream, name, rows in found.rows:
            insert = f"INSERT OR IGNORE INTO {sql_name(table_name(stream, name))} VALUES (?, ?)"
            _storage(db).connection.executemany(insert, rows)
        for body in found.open_fixes:
            insert = f"INSERT INTO {sql_name('open')} (body) VALUES (?)"
            _storage(db).connection.execute(insert, (body,))
        for name, value in found.settings:
            insert = "INSERT OR REPLACE INTO settings VALUES (?, ?)"
            _storage(db).connection.execute(insert, (name, value))
    return db, Opening("salvaged", aside, tuple(found.lost))


def _storage(db: SQLiteTinyDB) -> SQLiteStorage:
    storage = db.storage
    assert isinstance(storage, SQLiteStorage)
    return storage
