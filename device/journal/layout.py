"""The journal's file: its tables, its version, and how it is opened whatever state it is in."""

import sqlite3
from pathlib import Path

import msgspec

from device.journal import format as known
from device.journal.errors import JournalCorrupt, JournalMissing, JournalNewer, translated
from device.journal.logs import LogDocument, LostSpan, table_name
from device.journal.salvage import Salvaged, salvage, set_aside
from device.journal.tinydb_sqlite import SQLiteStorage, SQLiteTinyDB, sql_name
from wire.records import Stream

APPLICATION_ID = 0x786B6A31
"""`xkj1` in the file's header: file(1) and we can tell what it is."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS syncs (n INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS marks (log TEXT NOT NULL, next INTEGER, utc_ms INTEGER)",
    "INSERT INTO syncs SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM syncs)",
)
_DOCUMENTS = ("logs", "open", "rotten")


class Opening(msgspec.Struct, frozen=True):
    """How the journal was found: `fresh`, `existing`, or `salvaged` from the file now at `set_aside`.

    `cut`: why its newest records may be gone without a trace, None where there is no sign of that; its logs
    were sealed then, and others begun.
    """

    kind: str
    set_aside: Path | None = None
    lost: tuple[LostSpan, ...] = ()
    cut: str | None = None


def open_database(
    path: Path, *, read_only: bool = False, suspect: bool = False
) -> tuple[SQLiteTinyDB, Opening]:
    """Opens or makes the file. A damaged one is set aside, and what can be read is put into a new one.

    Raises the journal's errors, `sqlite3.Error` and `OSError`.
    """
    _check_place(path, read_only)
    if not read_only:
        _end_salvage(path)
    fresh = not path.exists() or path.stat().st_size == 0
    try:
        db = _open_sound(path, read_only=read_only, suspect=suspect)
    except (JournalCorrupt, sqlite3.DatabaseError, UnicodeDecodeError) as exc:
        if isinstance(exc, UnicodeDecodeError) and read_only:
            raise _damaged(path, "sqlite_master", exc) from exc
        if read_only or not _damage(path, exc):
            raise
        return _open_salvaged(path)
    return db, Opening("fresh" if fresh else "existing")


def _check_place(path: Path, read_only: bool) -> None:
    if read_only and path.parent.is_dir() and not path.exists():
        raise JournalMissing(
            f"还没有日志 {path}：单元第一次启动时才建立；若已启动过，请检查 [journal] path",
            f"there is no journal {path} yet: the unit's first start makes it; if it has run, check "
            "[journal] path",
        )
    if path.is_dir() or not path.parent.is_dir():
        raise JournalMissing(
            f"日志 {path} 打不开：目录不存在，或路径不是文件；请检查 [journal] path",
            f"journal {path} cannot be opened: no such folder, or not a file; check [journal] path",
        )


def _damage(path: Path, exc: Exception) -> bool:
    """A damaged schema may make SQLite's own message undecodable."""
    return isinstance(exc, JournalCorrupt | UnicodeDecodeError) or (
        isinstance(exc, sqlite3.Error) and isinstance(translated(path, exc), JournalCorrupt)
    )


def _open_sound(path: Path, *, read_only: bool, suspect: bool) -> SQLiteTinyDB:
    db = SQLiteTinyDB(path, read_only=read_only)
    try:
        if read_only:
            _storage(db).connection.execute("BEGIN")
        version = _check_version(path, db)
        if version < known.WRITES and not read_only:
            _lay_out(db)
        elif version >= known.WRITES:
            _check_tables(path, db)
        _check_heads(path, db, suspect)
    except BaseException:
        db.close()
        raise
    return db


def _check_version(path: Path, db: SQLiteTinyDB) -> int:
    version: int = _storage(db).connection.execute("PRAGMA user_version").fetchone()[0]
    if version > known.READS:
        raise JournalNewer(
            f"日志 {path} 的格式版本为 {version}，本软件只认识到 {known.READS}；请升级软件，文件未被改动",
            f"journal {path} has format {version}, this software knows {known.READS}: "
            "update the software; the file was not touched",
        )
    return version


def _check_tables(path: Path, db: SQLiteTinyDB) -> None:
    """Nothing is laid out again in a file that had it all: a damaged one is to be set aside as it is."""
    run = _storage(db).connection.execute
    there = {name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'")}
    gone = {"syncs", "settings", "marks"} - there | {*_DOCUMENTS} - db.tables()
    if gone:
        raise _damaged(path, "sqlite_master", f"no {', '.join(sorted(gone))}")


def _lay_out(db: SQLiteTinyDB) -> None:
    storage = _storage(db)
    with storage.transaction() as connection:
        for statement in _TABLES:
            connection.execute(statement)
        for table in _DOCUMENTS:
            storage.create(table)
        connection.execute(f"PRAGMA user_version = {known.WRITES}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _check_heads(path: Path, db: SQLiteTinyDB, suspect: bool) -> None:
    """The cheap checks of every start, and the thorough one when damage was met."""
    run = _storage(db).connection.execute
    if suspect and run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise JournalCorrupt(f"日志 {path} 已损坏", f"journal {path} is damaged")
    try:
        logs = [log for _, log in read_logs(db).values()]
    except (msgspec.DecodeError, UnicodeError, TypeError) as exc:
        raise _damaged(path, "logs", exc) from exc
    tables = db.tables()
    for log in logs:
        if log.table() not in tables:
            raise _damaged(path, log.log, "its table is gone")
        newest = run(f"SELECT max(doc_id) FROM {sql_name(log.table())}").fetchone()[0]
        if (newest or 0) > log.last:
            raise JournalCorrupt(
                f"日志 {path} 的 {log.log} 有超出其记录末尾的行",
                f"journal {path}: log {log.log} has rows beyond its own end",
            )


def _damaged(path: Path, where: str, what: object) -> JournalCorrupt:
    return JournalCorrupt(
        f"日志 {path} 的 {where} 已损坏（{what}）；重新打开时会移到一旁并保留可读的部分",
        f"journal {path}: {where} is damaged ({what}); it is set aside when opened again, "
        "and what can be read is kept",
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


def _salvaging(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvaging")


def _end_salvage(path: Path) -> None:
    """After a kill in the middle: a file not yet complete is done anew, a complete one takes its place."""
    unfinished = _salvaging(path)
    if not path.exists() and unfinished.exists():
        set_aside(path)
        unfinished.rename(path)


def _open_salvaged(path: Path) -> tuple[SQLiteTinyDB, Opening]:
    """The damaged file keeps its place until all of it that can be read is on the medium elsewhere."""
    fresh = _salvaging(path)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{fresh}{suffix}").unlink(missing_ok=True)
    with SQLiteTinyDB(fresh) as db:
        found = salvage(path)
        _fill(db, found)
    aside = set_aside(path)
    fresh.rename(path)
    return SQLiteTinyDB(path), Opening("salvaged", aside, tuple(found.lost))


def _fill(db: SQLiteTinyDB, found: Salvaged) -> None:
    _lay_out(db)
    with db.transaction():
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


def _storage(db: SQLiteTinyDB) -> SQLiteStorage:
    storage = db.storage
    assert isinstance(storage, SQLiteStorage)
    return storage
