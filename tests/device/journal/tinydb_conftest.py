"""Put beside TinyDB's own tests: every database they open becomes one over SQLite rows.

Left as they are: tests that bring a storage or a middleware of their own, since what they test is
that storage, and `MemoryStorage`/`JSONStorage` asked for by name to look at the storage object.
"""

import itertools
import tempfile
from pathlib import Path

import pytest
import tinydb
from tinydb.storages import JSONStorage, MemoryStorage

from device.journal.tinydb_sqlite import SQLiteTinyDB

_numbers = itertools.count()
_folder = tempfile.TemporaryDirectory()


class OverRows(SQLiteTinyDB):
    """`TinyDB(path)` and `TinyDB(storage=MemoryStorage)`, as rows."""

    def __new__(cls, *args, **kwargs):
        storage = kwargs.get("storage", JSONStorage)
        if storage not in (JSONStorage, MemoryStorage):
            return tinydb.TinyDB(*args, **kwargs)
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        kwargs.pop("storage", None)
        super().__init__(args[0] if args else Path(_folder.name) / f"{next(_numbers)}.db")


@pytest.fixture(autouse=True)
def over_rows(request, monkeypatch):
    if hasattr(request.module, "TinyDB"):
        monkeypatch.setattr(request.module, "TinyDB", OverRows)


@pytest.fixture
def db(tmp_path):
    with SQLiteTinyDB(tmp_path / "test.db") as database:
        database.drop_tables()
        database.insert_multiple({"int": 1, "char": c} for c in "abc")
        yield database


@pytest.fixture
def storage():
    return tinydb.middlewares.CachingMiddleware(MemoryStorage)()
