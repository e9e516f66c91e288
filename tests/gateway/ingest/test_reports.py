"""Reports from units: kept for orders that were given, within bounds, and answered with how far they are here."""

from base64 import b64encode

import pytest

from gateway.ingest.reports import KEPT
from gateway.orders import give
from tests.keys import SIGNER
from wire import codec, topics
from wire.report import MAX_BYTES, Report, ReportAck

BODY = bytes(range(200))


@pytest.fixture
def order(store):
    return give(store, "cp-01", "logs", None, 600)


@pytest.fixture
def send(bench):
    """A piece of cp-01's; gives how much the gateway says that it has, None where it says nothing."""

    def send_it(order, offset, data, total=200, unit="cp-01", text=None):
        topic = topics.report_up(unit)
        piece = Report(1, order, offset, total, text or b64encode(data).decode())
        payload = codec.encode_signed(piece, topic, SIGNER)
        answers = bench.intake.take([_message(topic, payload)], bench.now_ms)
        if not answers:
            return None
        (answer,) = answers
        assert answer.topic == topics.report_down(unit)
        ack = codec.decode_signed(answer.payload, answer.topic, ReportAck)
        assert ack.sig is not None
        assert ack.message.order == order
        return ack.message.next

    return send_it


def _message(topic, payload):
    from gateway.ingest.intake import Message

    return Message(topic, payload)


def test_piece_by_piece(bench, send, order):
    assert send(order, 0, BODY[:120]) == 120
    assert send(order, 0, BODY[:120]) == 120
    assert send(order, 150, BODY[150:]) == 120
    assert send(order, 0, b"") == 120
    assert send(order, 120, BODY[120:]) == 200
    (row,) = bench.table("reports")
    assert (row["unit"], row["data"]) == ("cp-01", BODY)


def refused(bench):
    return [row["reason"] for row in bench.table("quarantine")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"order": "o-none"}, "nobody ordered report o-none"),
        ({"unit": "cp-02"}, "nobody ordered"),
        ({"offset": 190}, "bytes at 190 of 200"),
        ({"text": "AAA"}, "no base64"),
        ({"total": MAX_BYTES + 1}, "262144"),
    ],
)
def test_what_was_not_asked_for_or_does_not_fit(bench, send, order, changes, why):
    given = {"order": order, "offset": 0} | changes
    assert send(given.pop("order"), given.pop("offset"), BODY[:20], **given) is None
    assert why in refused(bench)[0]
    assert bench.table("reports") == []


def test_an_order_of_another_kind_brings_no_report(store, bench, send):
    assert send(give(store, "cp-01", "locate", None, 600), 0, BODY) is None
    assert bench.table("reports") == []


def test_one_that_was_begun_is_not_begun_otherwise(bench, send, order):
    send(order, 0, BODY[:10])
    assert send(order, 10, BODY[10:20], total=100) is None
    assert send(order, 10, BODY[10:20], unit="cp-02") is None
    assert bench.table("reports")[0]["data"] == BODY[:10]


def test_what_the_unit_did_not_sign(bench_on, store, order, send, bench):
    class Doubting(type(bench.intake._registry)):
        def check(self, *what):
            return "its signature does not hold"

    doubting = bench_on(store, Doubting())
    topic = topics.report_up("cp-01")
    piece = Report(1, order, 0, len(BODY), b64encode(BODY).decode())
    message = _message(topic, codec.encode_signed(piece, topic, SIGNER))
    assert doubting.intake.take([message], bench.now_ms) == []
    assert bench.table("reports") == []


def test_the_newest_few_are_kept(store, bench, send):
    given = [give(store, "cp-01", "selftest", None, 600) for _ in range(KEPT + 2)]
    other = give(store, "cp-02", "selftest", None, 600)
    send(other, 0, BODY, unit="cp-02")
    for number, order in enumerate(given):
        bench.now_ms += number + 1
        assert send(order, 0, BODY) == 200
    assert {row["order_id"] for row in bench.table("reports")} == {other, *given[-KEPT:]}
