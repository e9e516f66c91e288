"""TinyDB over SQLite: a table's documents are rows, so that one document costs one row, whatever the backlog.

TinyDB's `Table` does all its work on two mappings: the one it reads and the one it updates. Here
these mappings are views of SQLite rows, so that TinyDB's own code, and with it its public
behaviour, stays in force; only the few calls that would walk a whole table for one document are
answered by the database. WAL mode; a commit is on the medium when `durable` (synchronous=FULL).

One thread owns a database: the connection refuses any other.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

PREFIX = "doc:"
"""What the SQL tables of documents are called, before the TinyDB table's name."""

CACHE_KIB = 2048
WAL_KEPT_BYTES = 4 * 1024 * 1024
"""The write-ahead log is cut to this after a large transaction has made it longer."""

PAGE = 256
"""Rows fetched at once while a table is walked."""


def sql_name(table: str) -> str:
    """The quoted SQL name of a TinyDB table."""
    return '"' + (PREFIX + table).replace('"', '""') + '"'


def readable(text: bytes) -> str:
    """A text column; bytes that are no UTF-8 any more become such as no JSON parser takes."""
    return text.decode("utf-8", "backslashreplace")


def _make_private(path: Path) -> None:
    """A new file is not for everybody to read; what SQLite makes beside it has the same mode."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o640))


class SQLiteStorage(Storage):
    """The one connection. `read` and `write` handle the whole database, as TinyDB's interface has it."""

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        mode = "?mode=ro" if read_only else ""
        uri = Path(path).absolute().as_uri() + mode
        fresh = not Path(path).exists() or Path(path).stat().st_size == 0
        if not read_only:
            _make_private(Path(path))
        self.connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0)
        self.connection.text_factory = readable
        self._durable: bool | None = None
        self._depth = 0
        try:
            self.connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if not read_only:
                if fresh:
                    self.connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        except (sqlite3.Error, UnicodeDecodeError):
            self.connection.close()
            raise

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing. `durable`: on the medium when this returns; else a killed process loses nothing.

        Nested ones join the outermost, whose `durable` counts.
        """
        if self._depth:
            yield self.connection
            return
        self._synchronous(durable)
        self.connection.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield self.connection
            self._depth = 0
            self.connection.execute("COMMIT")
        except BaseException:
            self._depth = 0
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def _synchronous(self, durable: bool) -> None:
        if durable != self._durable:
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def names(self) -> list[str]:
        """The names of all tables of documents."""
        rows = self.connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ?",
            (len(PREFIX), PREFIX),
        )
        return [row[0][len(PREFIX) :] for row in rows]

    def create(self, table: str, id_class: type = int) -> None:
        """Makes the SQL table, if it is not there."""
        kind = "INTEGER" if issubclass(id_class, int) else "TEXT"
        self.connection.execute(
            f"CREATE TABLE IF NOT EXISTS {sql_name(table)} "
            f"(doc_id {kind} PRIMARY KEY, body TEXT NOT NULL)"
        )

    def drop(self, table: str) -> None:
        """Removes the SQL table, if it is there."""
        self.connection.execute(f"DROP TABLE IF EXISTS {sql_name(table)}")

    def read(self) -> dict[str, dict[str, Any]] | None:
        """All tables; None for a database without any."""
        tables = {
            name: {str(key): json.loads(body) for key, body in self._rows(name)}
            for name in self.names()
        }
        return tables or None

    def _rows(self, table: str) -> Iterable[tuple[Any, str]]:
        return self.connection.execute(
            f"SELECT doc_id, body FROM {sql_name(table)} ORDER BY doc_id"
        )

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Puts `data` in the place of all tables."""
        with self.transaction():
            for name in self.names():
                self.drop(name)
            for name, documents in data.items():
                self.create(name)
                self.connection.executemany(
                    f"INSERT INTO {sql_name(name)} VALUES (?, ?)",
                    [(int(key), json.dumps(body)) for key, body in documents.items()],
                )

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()


class Rows(MutableMapping[Any, Any]):
    """A table's rows as a mapping of document id to document, for one update.

    TinyDB changes documents in place: the document handed out last is written back when the next
    one is asked for, and at the end, if it changed.
    """

    def __init__(self, storage: SQLiteStorage, table: str, id_class: type) -> None:
        self._run = storage.connection.execute
        self._name = sql_name(table)
        self._id_class = id_class
        self._open: tuple[Any, Any, str] | None = None

    def __getitem__(self, key: Any) -> Any:
        if self._open and self._open[0] == key:
            return self._open[1]
        self.flush()
        row = self._run(f"SELECT body FROM {self._name} WHERE doc_id = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        self._open = (key, json.loads(row[0]), row[0])
        return self._open[1]

    def __setitem__(self, key: Any, document: Any) -> None:
        if self._open and self._open[0] == key:
            self._open = None
        body = json.dumps(document)
        self._run(f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?)", (key, body))

    def __delitem__(self, key: Any) -> None:
        if self._open and self._open[0] == key:
            self._open = None
        if self._run(f"DELETE FROM {self._name} WHERE doc_id = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        row = self._run(f"SELECT 1 FROM {self._name} WHERE doc_id = ?", (key,)).fetchone()
        return row is not None

    def __iter__(self) -> Iterator[Any]:
        for row in walk(self._run, self._name, "doc_id"):
            yield self._id_class(row[0])

    def __len__(self) -> int:
        count: int = self._run(f"SELECT count(*) FROM {self._name}").fetchone()[0]
        return count

    def clear(self) -> None:
        """Removes all rows at once."""
        self._open = None
        self._run(f"DELETE FROM {self._name}")

    def flush(self) -> None:
        """Writes the document handed out last, if it was changed in place."""
        if self._open is None:
            return
        key, document, before = self._open
        self._open = None
        body = json.dumps(document)
        if body != before:
            self._run(f"UPDATE {self._name} SET body = ? WHERE doc_id = ?", (body, key))


class ReadRows(Mapping[str, Any]):
    """A table's rows as TinyDB reads them: the ids as text, each document fresh."""

    def __init__(self, storage: SQLiteStorage, table: str) -> None:
        self._run = storage.connection.execute
        self._name = sql_name(table)

    def __getitem__(self, key: str) -> Any:
        row = self._run(f"SELECT body FROM {self._name} WHERE doc_id = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return json.loads(row[0])

    def __iter__(self) -> Iterator[str]:
        for row in walk(self._run, self._name, "doc_id"):
            yield str(row[0])

    def __len__(self) -> int:
        count: int = self._run(f"SELECT count(*) FROM {self._name}").fetchone()[0]
        return count

    def items(self) -> Any:
        """Ids and documents, in order of id, a page of rows at a time."""
        return (
            (str(key), json.loads(body))
            for key, body in walk(self._run, self._name, "doc_id, body")
        )


def walk(run: Callable[..., sqlite3.Cursor], name: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Rows in order of id. Rows may come and go meanwhile: each page asks anew from where it was."""
    page = run(f"SELECT {columns} FROM {name} ORDER BY doc_id LIMIT {PAGE}").fetchall()
    while page:
        yield from page
        page = run(
            f"SELECT {columns} FROM {name} WHERE doc_id > ? ORDER BY doc_id LIMIT {PAGE}",
            (page[-1][0],),
        ).fetchall()


class SQLiteTable(Table):
    """A TinyDB table whose documents are rows."""

    _storage: SQLiteStorage
    _next_id: int | None  # type: ignore[assignment]  # TinyDB leaves it to be inferred as None

    def get(
        self,
        cond: QueryLike | None = None,
        doc_id: int | None = None,
        doc_ids: list[int] | None = None,
    ) -> Any:
        """As TinyDB's; several ids touch just their rows."""
        if doc_id is not None or doc_ids is None:
            single: Any = super().get
            return single(cond, doc_id)
        rows = self._read_table()
        found = ((key, rows.get(str(key))) for key in sorted(set(doc_ids)))
        return [self.document_class(body, key) for key, body in found if body is not None]

    def _get_next_id(self) -> int:
        if self._next_id is None:
            newest = 0
            if self._exists():
                query = f"SELECT max(doc_id) FROM {sql_name(self.name)}"
                newest = self._storage.connection.execute(query).fetchone()[0] or 0
            self._next_id = self.document_id_class(newest) + 1
        next_id = self._next_id
        self._next_id = next_id + 1
        return next_id

    def _exists(self) -> bool:
        return self.name in self._storage.names()

    def _read_table(self) -> Any:
        return ReadRows(self._storage, self.name) if self._exists() else {}

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        next_id = self._next_id
        try:
            with self._storage.transaction():
                self._storage.create(self.name, self.document_id_class)
                rows = Rows(self._storage, self.name, self.document_id_class)
                updater(rows)
                rows.flush()
        except BaseException:
            self._next_id = next_id
            raise
        finally:
            self.clear_cache()


class SQLiteTinyDB(TinyDB):
    """`tinydb.TinyDB` in a SQLite file at `path`; `read_only` opens it without the right to change it."""

    table_class = SQLiteTable
    default_storage_class: type[Storage] = SQLiteStorage  # type: ignore[assignment]
    _storage: SQLiteStorage

    def transaction(self, durable: bool = True) -> Any:
        """Groups changes of several tables into one commit; see `SQLiteStorage.transaction`."""
        return self._storage.transaction(durable)

    def tables(self) -> set[str]:
        """The names of all tables."""
        return set(self._storage.names())

    def drop_tables(self) -> None:
        """Drops all tables."""
        with self._storage.transaction():
            for name in self._storage.names():
                self._storage.drop(name)
        self._tables.clear()

    def drop_table(self, name: str) -> None:
        """Drops one table."""
        self._tables.pop(name, None)
        with self._storage.transaction():
            self._storage.drop(name)


__all__ = ["Document", "SQLiteStorage", "SQLiteTable", "SQLiteTinyDB", "sql_name", "walk"]
