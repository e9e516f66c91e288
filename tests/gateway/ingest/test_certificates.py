"""Requests for certificates at ingest: kept as they came, within bounds, and their answers told."""

import pytest
import sqlalchemy as sa

from gateway.ingest.certificates import DAY_MS, FRESH_MS, MOST_A_DAY, WAITING, Counter
from gateway.ingest.intake import Message
from gateway.ingest.registry import Registry
from gateway.store.schema import requests
from tests.keys import SIGNER
from wire import codec, topics
from wire.orders import CertGrant, CertRequest, Refused

NOW_MS = 1_795_000_000_000
TOPIC = topics.cert("cp-01")


@pytest.fixture
def counter(any_store):
    return Counter(any_store, SIGNER)


def take(counter, message, unit="cp-01", now_ms=NOW_MS):
    with counter._store.changing() as connection:
        counter.take(connection, unit, message, now_ms)


def rows(store):
    with store.reading() as connection:
        return connection.execute(sa.select(requests).order_by(requests.c.received_ms)).all()


def answer(store, **row):
    with store.changing() as connection:
        connection.execute(requests.update().values(**row))


def told(counter, now_ms=NOW_MS):
    due = counter.due(now_ms)
    assert {topic for topic, _ in due} <= {TOPIC}
    return [codec.decode(payload, CertGrant) for _, payload in due]


def test_a_request_is_kept_as_it_came_and_once(counter, any_store):
    take(counter, b"{1}")
    take(counter, b"{1}")
    (row,) = rows(any_store)
    assert (row.unit, row.message, row.state) == ("cp-01", b"{1}", "waiting")
    assert told(counter) == []


def test_two_units_that_say_the_same_are_two(counter, any_store):
    take(counter, b"{1}")
    take(counter, b"{1}", "cp-02")
    assert len(rows(any_store)) == 2


def test_the_answer_goes_out_once_and_again_to_one_that_asks_again(counter, any_store):
    take(counter, b"{1}")
    answer(any_store, state="signed", cert=b"ABC", done_ms=NOW_MS)
    assert [one.cert for one in told(counter)] == ["QUJD"]
    assert told(counter) == []
    take(counter, b"{1}")
    assert [one.cert for one in told(counter)] == ["QUJD"]
    counter.forget()
    assert [one.cert for one in told(counter)] == ["QUJD"]
    counter.forget()
    assert told(counter, NOW_MS + FRESH_MS) == []


def test_why_there_is_none(counter, any_store):
    take(counter, b"{1}")
    answer(any_store, state="refused", why="its code is over", done_ms=NOW_MS)
    assert [(one.cert, one.refused) for one in told(counter)] == [(None, "its code is over")]


def test_who_asks_without_end_fills_no_disk(counter, any_store):
    for number in range(3 * MOST_A_DAY):
        take(counter, b"%d" % number)
        if len(rows(any_store)) < WAITING:
            continue
        answer(any_store, state="refused", why="no", done_ms=NOW_MS)
    assert len(rows(any_store)) == MOST_A_DAY
    take(counter, b"another", "cp-02")
    assert rows(any_store)[-1].unit == "cp-02"
    take(counter, b"next day", now_ms=NOW_MS + DAY_MS)
    assert rows(any_store)[-1].message == b"next day"


def test_more_do_not_wait_than_the_authority_may_be_behind(counter, any_store):
    for number in range(10):
        take(counter, b"%d" % number)
    assert len(rows(any_store)) == WAITING


@pytest.mark.parametrize("signed", [False, True])
def test_what_is_neither_signed_nor_proven_is_refused_and_kept_aside(
    bench_on, any_store, keys_site, signed
):
    bench = bench_on(any_store, Registry(keys_site.authority))
    request, topic = CertRequest(1, "a request"), topics.csr("cp-01")
    stranger = codec.encode_signed(request, topic, SIGNER)
    said = bench.take(Message(topic, stranger if signed else codec.encode(request)))
    assert rows(any_store) == []
    assert [row["unit"] for row in bench.table("quarantine")] == ["cp-01"]
    assert not said or isinstance(said[0].what, Refused)
