"""The gateway's own log: one for each store, so that a restored one gives no number a second time."""

import sqlalchemy as sa

from gateway.store.book import Book
from gateway.store.own_log import OwnLog
from gateway.store.schema import ledger, records
from tests.keys import SIGNER
from wire.topics import GATEWAY


def alarm(store, what):
    book = Book(store.is_sqlite)
    with store.writing() as connection:
        book.open(connection, 1_763_890_000_000)
        OwnLog(SIGNER).alarm(book, what)
        book.close()


def written(store):
    query = sa.select(records.c.log, records.c.seq).where(records.c.unit == GATEWAY)
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(records.c.pos))]


def test_goes_on_where_another_process_stopped(store):
    for what in ("one", "two"):
        alarm(store, what)
    (log, first), (again, second) = written(store)
    assert (log == again, first, second) == (True, 1, 2)


def test_a_restored_store_begins_another(store):
    alarm(store, "before")
    with store.changing() as connection:
        connection.execute(ledger.update().values(store="f" * 16))
    alarm(store, "after")
    (before, _), (after, seq) = written(store)
    assert (before != after, seq) == (True, 1)
