"""Requests for certificates at ingest: kept as they came, within bounds, and their answers told."""

import random

import pytest
import sqlalchemy as sa

from gateway.fleet.codes import give_code
from gateway.ingest.certificates import (
    AT_ONCE,
    DAY_MS,
    FRESH_MS,
    MOST_A_DAY,
    MOST_BYTES,
    WAITING,
    Counter,
)
from gateway.ingest.intake import Message
from gateway.ingest.registry import Registry, keep
from gateway.store.schema import requests
from tests.csr import signing_request
from tests.keys import SIGNER
from wire import codec, topics
from wire.codes import meant, new_code, proof, proof_key
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


def test_many_answers_go_out_some_at_a_time_and_none_twice(counter, any_store):
    for number in range(AT_ONCE + 3):
        take(counter, b"{}", f"cp-{number}")
    answer(any_store, state="refused", why="no", done_ms=NOW_MS)
    turns = [[topic for topic, _ in counter.due(NOW_MS)] for _ in range(3)]
    assert [len(turn) for turn in turns] == [AT_ONCE, 3, 0]
    assert len({topic for turn in turns for topic in turn}) == AT_ONCE + 3


@pytest.fixture
def asks(bench_on, any_store, keys_site):
    """Lets units ask at ingest; gives what is kept for the authority."""
    bench = bench_on(any_store, Registry(keys_site.authority))

    def ask(*payloads, unit="cp-01"):
        for payload in payloads:
            bench.take(Message(topics.csr(unit), payload))
        return [row.message for row in rows(any_store)]

    return ask


def by_code(code, key, unit="cp-01"):
    csr = signing_request(key, unit)
    return CertRequest(1, csr, proof(proof_key(meant(code)), csr))


def test_names_that_hold_no_code_fill_nothing(asks, any_store, keys_site):
    key = keys_site.bearer("cp-01").key
    give_code(any_store, "cp-01", 1, NOW_MS)
    for number in range(10):
        unit = f"cp-{number:02}"
        assert asks(codec.encode(by_code(new_code(), key, unit)), unit=unit) == []


def test_of_what_a_code_proves_no_more_is_kept_than_was_asked(asks, any_store, keys_site):
    request = by_code(give_code(any_store, "cp-01", 1, NOW_MS), keys_site.bearer("cp-01").key)
    plain = codec.encode(request)
    padded = [plain[:-1] + b',"x":"%s"}' % (b"y" * size) for size in (1, 10_000)]
    assert asks(*padded, plain) == [plain]


def test_a_signed_request_that_is_padded_is_not_kept(asks, any_store, keys_site):
    own, topic = keys_site.bearer("cp-01"), topics.csr("cp-01")
    keep_certificate(any_store, own.read(keys_site))
    good = codec.encode_signed(CertRequest(1, signing_request(own.key, "cp-01")), topic, own)
    padded = Padded(1, signing_request(own.key, "cp-01"), x=random.Random(1).randbytes(9_000).hex())
    large = codec.encode_signed(padded, topic, own)
    assert len(large) > MOST_BYTES
    assert asks(large, good) == [good]


class Padded(CertRequest, frozen=True, omit_defaults=True):
    x: str = ""


def keep_certificate(store, certificate):
    with store.changing() as connection:
        keep(connection, certificate, NOW_MS)
