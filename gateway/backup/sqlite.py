"""A SQLite store saved and put back. The copy is of one moment, whatever is written meanwhile.

It is made by SQLite's online backup inside a read transaction: with WAL that is a snapshot, which no writer
disturbs, and from which the copying need not begin anew. Source: sqlite.org/backup.html, /isolation.html.
"""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from gateway.backup.archive import BackupFault, Told
from gateway.photos.files import sync
from gateway.store.open import PRIVATE

PAGES = 2_048
SUFFIXES = ("", "-wal", "-shm")


def path_of(url: str) -> Path:
    """The file that a SQLAlchemy URL of SQLite names."""
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


def copy(source: Path, target: Path, told: Told) -> None:
    """The store at `source` as a single file. Raises `sqlite3.Error` and OSError."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    with (
        closing(sqlite3.connect(source, isolation_level=None)) as store,
        closing(sqlite3.connect(target, isolation_level=None)) as copied,
    ):
        size = store.execute("PRAGMA page_size").fetchone()[0]
        store.execute("BEGIN")
        store.execute("SELECT 1 FROM ledger").fetchone()

        def heard(_: int, remaining: int, total: int) -> None:
            told((total - remaining) * size, total * size)

        store.backup(copied, pages=PAGES, progress=heard)
        store.execute("COMMIT")
        copied.execute("PRAGMA journal_mode = DELETE")


def check(path: Path) -> None:
    """Raises `BackupFault` where SQLite finds something wrong in the file at `path`."""
    try:
        with closing(sqlite3.connect(path)) as store:
            found = store.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as exc:
        found = str(exc)
    if found != "ok":
        raise BackupFault(
            f"备份中的数据库已损坏（{found}）；请用另一份备份，现有数据未被改动",
            f"the database in the backup is damaged ({found}): use another; nothing was changed",
        )


def records_in(path: Path) -> int:
    """How many records the store at `path` holds; one that cannot be read counts as holding some."""
    if not path.exists() or path.stat().st_size == 0:
        return 0
    try:
        with closing(sqlite3.connect(path)) as store:
            count: int = store.execute("SELECT count(*) FROM records").fetchone()[0]
            return count
    except sqlite3.Error:
        return 1


def let_go(path: Path) -> None:
    """Makes sure that nobody has the store open, and brings its write-ahead log into its file.

    Leaving WAL needs the file for oneself. Raises `BackupFault` where another process has it.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as store:
            store.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as exc:
        if "locked" in str(exc):
            raise BackupFault(
                f"数据库 {path} 正在使用；请先停止网关（xunkong gateway run）",
                f"store {path} is in use: stop the gateway first (`xunkong gateway run`)",
            ) from exc
    except sqlite3.DatabaseError:
        return


def set_aside(path: Path, stamp: str) -> Path | None:
    """Renames what is there of the store; returns its new path, None where there was none."""
    aside = path.with_name(f"{path.name}.before-{stamp}")
    for suffix in SUFFIXES[::-1]:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside if aside.exists() else None


def belong(ready: Path, path: Path) -> None:
    """Gives `ready` the owner and the mode of what is at `path`, else the owner of its folder.

    Whoever restores is root; the gateway's services are not, and are to open it.
    """
    held = path.stat() if path.exists() else None
    owner = held or path.parent.stat()
    if os.geteuid() == 0:
        os.chown(ready, owner.st_uid, owner.st_gid)
    ready.chmod(stat.S_IMODE(held.st_mode) if held else PRIVATE)


def put_in_place(ready: Path, path: Path) -> None:
    """Gives `ready` the store's name, on the medium."""
    let_go(ready)
    ready.rename(path)
    sync(path.parent)
