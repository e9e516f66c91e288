"""Positions rise in the order of commits, whoever writes; a slow writer hides nothing from a pump."""

import threading

import pytest
import sqlalchemy as sa

from gateway.forward.page import next_page
from gateway.store.book import Book
from gateway.store.schema import ledger


def test_positions_rise_in_the_order_of_commits(any_store, bench_on, unit_log):
    one, other = bench_on(any_store), bench_on(any_store)
    logs = [unit_log(unit).grow(6) for unit in ("cp-01", "cp-02")]
    for first in (1, 3, 5):
        one.take(logs[0].message(first, first + 1))
        other.take(logs[1].message(first, first + 1))
    kept = one.table("records")
    assert [(row["unit"], row["seq"]) for row in kept] == [
        (unit, first + n) for first in (1, 3, 5) for unit in ("cp-01", "cp-02") for n in (0, 1)
    ]
    positions = [row["pos"] for row in kept]
    assert positions == sorted(set(positions))
    assert one.table("ledger")[0]["next_pos"] > positions[-1]


def test_a_group_that_failed_leaves_no_head_behind(any_store, unit_log):
    log, book = unit_log().grow(2), Book(any_store.is_sqlite)
    key = ("cp-01", "event", log.log)
    with pytest.raises(InterruptedError), any_store.writing() as connection:
        book.open(connection, 1)
        book.append(key, log.raws, log.hs[1:])
        book.close()
        raise InterruptedError
    book.forget()
    with any_store.writing() as connection:
        book.open(connection, 1)
        assert book.head(key).next == 1
        book.close()


@pytest.mark.postgres
def test_a_slow_writer_makes_the_second_wait_and_no_record_is_skipped(
    new_database, opened, bench_on, unit_log
):
    store = opened(new_database())
    slow, quick = bench_on(store), bench_on(store)
    wants, holds, commit = threading.Event(), threading.Event(), threading.Event()
    first, second = unit_log("cp-01").grow(3), unit_log("cp-02").grow(2)

    def hold(point):
        if point == "ingest.before_commit":
            holds.set()
            assert commit.wait(30)

    slow.intake._reached = hold

    def want():
        wants.set()
        quick.take(second.message())

    threads = [
        threading.Thread(target=lambda: slow.take(first.message())),
        threading.Thread(target=want),
    ]
    threads[0].start()
    assert holds.wait(30)
    threads[1].start()
    assert wants.wait(30)
    _wait_until_blocked(store)
    with store.reading() as connection:
        assert next_page(connection, "platform", "event") is None
    commit.set()
    for thread in threads:
        thread.join(30)
    with store.reading() as connection:
        page = next_page(connection, "platform", "event")
    assert [event.id for event in page.events] == [
        *(f"cp-01/event/{first.log}/{seq}" for seq in (1, 2, 3)),
        *(f"cp-02/event/{second.log}/{seq}" for seq in (1, 2)),
    ]


def _wait_until_blocked(store):
    """Returns once another connection waits for a lock; PostgreSQL itself pauses between looks."""
    query = sa.text(
        "SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with store.engine.connect() as connection:
        for _ in range(2_000):
            waiting = connection.execute(query).first()
            connection.rollback()
            if waiting[0]:
                return
    pytest.fail("nobody ever waited for the ledger")


@pytest.mark.postgres
def test_without_the_ledger_a_record_would_have_been_skipped(new_database, opened):
    store = opened(new_database())
    with store.writing() as holder, store.engine.connect() as second:
        taken = sa.select(ledger.c.id).with_for_update(skip_locked=True)
        assert second.execute(taken).first() is None
        holder.rollback()
        second.rollback()
        assert second.execute(taken).first() == (1,)
