"""TinyDB's public behaviour over SQLite rows, and that a document costs one row whatever the backlog."""

import sqlite3
import threading
from queue import Queue
from typing import ClassVar

import pytest
from tinydb import Query, TinyDB, where
from tinydb.operations import add, delete, increment
from tinydb.storages import MemoryStorage
from tinydb.table import Document

from device.journal.tinydb_sqlite import SQLiteStorage, SQLiteTinyDB, sql_name

HOSTILE = [
    'a"b',
    "a'; DROP TABLE logs; --",
    "",
    " ",
    "巡控",
    "sqlite_master",
    "doc:",
    "a]b[",
    "%_",
    "x" * 300,
    "line\nfeed",
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "things.db"


@pytest.fixture
def db(path):
    with SQLiteTinyDB(path) as database:
        yield database


@pytest.fixture
def statements(db):
    """Every SQL statement run from now on."""
    seen = []
    db.storage.connection.set_trace_callback(seen.append)
    yield seen
    db.storage.connection.set_trace_callback(None)


def rows_touched(db, do):
    """How many rows `do` inserts, changes or deletes."""
    before = db.storage.connection.total_changes
    do()
    return db.storage.connection.total_changes - before


@pytest.fixture(params=["rows", "tinydb"])
def either(request, db):
    """Ours and TinyDB's own: what is true of the one must be true of the other."""
    if request.param == "rows":
        yield db
        return
    with TinyDB(storage=MemoryStorage) as theirs:
        yield theirs


def outcome(do):
    """What came of it: a value, or the kind of error."""
    try:
        return do()
    except (KeyError, ValueError, TypeError, RuntimeError) as exc:
        return type(exc)


class TestDocuments:
    def test_an_inserted_document_comes_back_with_its_id(self, either):
        assert either.insert({"name": "阿明"}) == 1
        found = either.get(doc_id=1)
        assert found == {"name": "阿明"}
        assert found.doc_id == 1
        assert isinstance(found, Document)

    def test_ids_rise_and_are_not_used_again_in_a_run(self, either):
        assert either.insert_multiple([{}, {}, {}]) == [1, 2, 3]
        either.remove(doc_ids=[3])
        assert either.insert({}) == 4

    def test_a_document_may_bring_its_id(self, either):
        assert either.insert(Document({"n": 1}, doc_id=40)) == 40
        assert either.insert({"n": 2}) == 41

    def test_an_id_that_is_taken_is_refused(self, either):
        either.insert(Document({"n": 1}, doc_id=5))
        with pytest.raises(ValueError, match="5"):
            either.insert(Document({"n": 2}, doc_id=5))
        assert either.all() == [{"n": 1}]

    @pytest.mark.parametrize("junk", [[1], "text", 7, None])
    def test_what_is_no_mapping_is_refused(self, either, junk):
        with pytest.raises(ValueError, match="Mapping"):
            either.insert(junk)
        assert len(either) == 0

    def test_what_json_cannot_say_is_refused_and_nothing_is_kept(self, db):
        with pytest.raises(TypeError):
            db.insert_multiple([{"n": 1}, {"n": {1, 2}}])
        assert db.all() == []
        assert db.insert({"n": 3}) == 1

    def test_a_document_handed_out_is_a_copy(self, either):
        either.insert({"n": 1})
        either.get(doc_id=1)["n"] = 2
        assert either.get(doc_id=1) == {"n": 1}


class TestQueries:
    @pytest.fixture(autouse=True)
    def people(self, either):
        either.insert_multiple({"n": n, "odd": bool(n % 2)} for n in range(6))

    def test_search_count_contains_get(self, either):
        assert [d["n"] for d in either.search(where("odd").test(bool))] == [1, 3, 5]
        assert either.count(Query().n > 3) == 2
        assert either.contains(where("n") == 5)
        assert not either.contains(where("n") == 6)
        assert either.get(where("n") == 4).doc_id == 5
        assert either.get(where("n") == 9) is None

    def test_get_by_ids_gives_those_that_are_there(self, either):
        assert [d.doc_id for d in either.get(doc_ids=[6, 2, 99, 2])] == [2, 6]
        assert either.contains(doc_id=6)
        assert not either.contains(doc_id=7)

    def test_iteration_is_in_order_and_whole(self, either):
        assert [(d.doc_id, d["n"]) for d in either] == [(n + 1, n) for n in range(6)]
        assert len(either) == 6

    def test_iteration_goes_over_more_than_one_page(self, either):
        either.insert_multiple({"n": n} for n in range(6, 1000))
        assert [d["n"] for d in either] == list(range(1000))

    def test_update_changes_what_matches(self, either):
        assert either.update({"seen": True}, where("n") < 2) == [1, 2]
        assert either.update(increment("n"), doc_ids=[6]) == [6]
        assert either.update(add("n", 10), where("n") == 0) == [1]
        assert either.update(delete("seen"), doc_ids=[2]) == [2]
        assert either.get(doc_id=1) == {"n": 10, "odd": False, "seen": True}
        assert either.get(doc_id=2) == {"n": 1, "odd": True}
        assert either.get(doc_id=6)["n"] == 6

    def test_update_multiple(self, either):
        changed = either.update_multiple([({"a": 1}, where("n") == 0), ({"b": 2}, where("n") == 1)])
        assert changed == [1, 2]
        assert either.get(doc_id=2)["b"] == 2

    def test_upsert_updates_or_inserts(self, either):
        assert either.upsert({"n": 3, "x": 1}, where("n") == 3) == [4]
        assert either.get(doc_id=4) == {"n": 3, "odd": True, "x": 1}
        assert either.upsert({"n": 77}, where("n") == 77) == [7]
        assert either.upsert(Document({"n": 78}, doc_id=90)) == [90]

    def test_remove_by_query_and_by_id(self, either):
        assert either.remove(where("odd").test(bool)) == [2, 4, 6]
        assert either.remove(doc_ids=[1]) == [1]
        assert [d["n"] for d in either] == [2, 4]

    def test_ids_that_are_not_there_are_met_as_tinydb_meets_them(self, db):
        documents = [{"n": n} for n in range(5)]
        with TinyDB(storage=MemoryStorage) as theirs:
            theirs.insert_multiple(documents)
            db.truncate()
            db.insert_multiple(documents)
            for do in (
                lambda d: d.remove(doc_ids=[2, 99]),
                lambda d: d.update({"n": 7}, doc_ids=[1, 99]),
                lambda d: d.get(doc_id=99),
                lambda d: d.get(doc_ids=[99]),
                lambda d: d.remove(),
                lambda d: d.upsert({"n": 1}),
            ):
                assert outcome(lambda do=do: do(db)) == outcome(lambda do=do: do(theirs))
                assert db.all() == theirs.all()

    def test_truncate_empties_the_table(self, either):
        either.truncate()
        assert len(either) == 0
        assert either.insert({"n": 0}) == 1


class TestTables:
    def test_tables_are_apart(self, db):
        db.table("a").insert({"n": 1})
        db.table("b").insert({"n": 2})
        assert db.tables() == {"a", "b"}
        assert db.table("a").all() == [{"n": 1}]

    def test_drop_one_and_all(self, db):
        db.table("a").insert({})
        db.table("b").insert({})
        db.drop_table("a")
        assert db.tables() == {"b"}
        db.drop_table("never there")
        db.drop_tables()
        assert db.tables() == set()
        assert db.table("a").insert({}) == 1

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_hostile_name_is_just_a_name(self, db, path, name):
        db.table("kept").insert({"safe": True})
        table = db.table(name)
        assert table.insert({"n": 1}) == 1
        table.update({"n": 2}, doc_ids=[1])
        assert table.get(where("n") == 2).doc_id == 1
        assert db.tables() == {"kept", name}
        db.close()
        with SQLiteTinyDB(path) as again:
            assert again.table(name).all() == [{"n": 2}]
            again.drop_table(name)
            assert again.tables() == {"kept"}
            assert again.table("kept").all() == [{"safe": True}]

    def test_tables_of_others_in_the_file_are_left_alone(self, db):
        db.storage.connection.execute("CREATE TABLE theirs (a)")
        db.insert({})
        assert db.tables() == {"_default"}
        db.drop_tables()
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        assert db.storage.connection.execute(query).fetchall() == [("theirs",)]


class TestCost:
    """A document costs one row, and a number of statements that the backlog does not change."""

    OPERATIONS: ClassVar = {
        "insert": (1, lambda table: table.insert({"n": -1})),
        "get": (0, lambda table: table.get(doc_id=5)),
        "get ids": (0, lambda table: table.get(doc_ids=[5, 6])),
        "contains": (0, lambda table: table.contains(doc_id=5)),
        "remove": (1, lambda table: table.remove(doc_ids=[5])),
        "update": (1, lambda table: table.update({"n": -2}, doc_ids=[5])),
        "unchanged": (0, lambda table: table.update({"n": 4}, doc_ids=[5])),
    }

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_one_row_whatever_the_backlog(self, db, statements, name):
        touched, do = self.OPERATIONS[name]
        counts = []
        for backlog in (10, 3_000):
            table = db.table(f"of {backlog}")
            table.insert_multiple({"n": n} for n in range(backlog))
            statements.clear()
            assert rows_touched(db, lambda table=table: do(table)) == touched
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 8

    def test_a_failed_change_is_undone_whole(self, db):
        db.insert_multiple({"n": n} for n in range(10))
        with pytest.raises(ZeroDivisionError):
            db.update(lambda doc: doc.update(n=1 // (doc["n"] - 5)))
        assert [d["n"] for d in db] == list(range(10))


class TestTransactions:
    def test_changes_of_several_tables_are_one(self, db):
        with pytest.raises(RuntimeError), db.transaction():
            db.table("a").insert({"n": 1})
            db.table("b").insert({"n": 2})
            raise RuntimeError
        assert db.tables() == set()
        with db.transaction():
            db.table("a").insert({"n": 1})
            db.table("b").insert({"n": 2})
        assert db.tables() == {"a", "b"}

    @pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
    def test_durable_is_full_synchronous(self, db, durable, synchronous):
        with db.transaction(durable) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)

    def test_the_file_is_in_wal_mode(self, db):
        assert db.storage.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    def test_what_was_committed_is_there_for_the_next(self, db, path):
        db.insert({"n": 1})
        db.close()
        with SQLiteTinyDB(path) as again:
            assert again.all() == [{"n": 1}]
            assert again.insert({"n": 2}) == 2

    def test_read_only_reads_and_refuses_to_change(self, db, path):
        db.insert({"n": 1})
        with SQLiteTinyDB(path, read_only=True) as reader:
            assert reader.all() == [{"n": 1}]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.insert({"n": 2})
        assert db.all() == [{"n": 1}]

    def test_readers_beside_a_writer_see_whole_transactions(self, db, path):
        """The writer keeps two tables in step; no reader may ever find them out of step."""
        db.table("a").insert({"n": 0})
        db.table("b").insert({"n": 0})
        seen, done = Queue(), threading.Event()

        def read():
            with SQLiteTinyDB(path, read_only=True) as reader:
                run, looks = reader.storage.connection.execute, 0
                query = f"SELECT a.body = b.body FROM {sql_name('a')} a, {sql_name('b')} b"
                while not done.is_set() or not looks:
                    same = run(query).fetchall() == [(1,)]
                    looks += 1
                    if not same:
                        break
                seen.put((same, looks))

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for n in range(1, 200):
            with db.transaction(durable=False):
                db.table("a").update({"n": n})
                db.table("b").update({"n": n})
        done.set()
        for reader in readers:
            reader.join(30)
        results = [seen.get(timeout=10) for _ in readers]
        assert all(same and looks for same, looks in results)

    def test_another_thread_is_refused(self, db):
        refused = Queue()

        def use():
            try:
                db.all()
            except sqlite3.ProgrammingError as exc:
                refused.put(exc)

        db.insert({})
        thread = threading.Thread(target=use)
        thread.start()
        assert "thread" in str(refused.get(timeout=10))
        thread.join(10)


class TestStorage:
    def test_reads_and_writes_everything_as_tinydbs_interface_has_it(self, path):
        storage = SQLiteStorage(path)
        assert storage.read() is None
        storage.write({"a": {"1": {"n": 1}, "7": {"n": 7}}, "b": {}})
        assert storage.read() == {"a": {"1": {"n": 1}, "7": {"n": 7}}, "b": {}}
        storage.write({"c": {"2": {}}})
        assert storage.read() == {"c": {"2": {}}}
        storage.close()

    def test_a_file_that_is_no_database_is_refused(self, path):
        path.write_bytes(b"not a database at all" * 100)
        with pytest.raises(sqlite3.DatabaseError):
            SQLiteTinyDB(path)


def test_a_new_file_is_not_for_everybody(tmp_path):
    path = tmp_path / "own.db"
    SQLiteTinyDB(path).close()
    assert path.stat().st_mode & 0o777 == 0o640
