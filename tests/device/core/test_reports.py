"""Reports: made when ordered, sent in pieces after all records, done when the gateway has them."""

from base64 import b64decode

import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.reports import MAKE_MS, NOTE, RESEND_MS, SEND_MS
from tests.keys import SIGNER
from wire import codec, topics
from wire.records import Order
from wire.report import MAX_BYTES, PIECE_BYTES, Report, ReportAck

DATA = bytes(range(256)) * 120


@pytest.fixture
def unit(make_unit):
    one = make_unit("checkpoint")
    one.clock("ntp")
    one.link()
    one.happen(ev.PartSpoke("nfc", "ok"))
    all_sent(one)
    return one


def all_sent(unit):
    for stream in ("event", "track"):
        unit.gateway_has(stream, len(unit.journal.raws[unit.journal.current[stream]]) + 1)


def ordered(unit, what="logs", data=DATA):
    unit.order(what=what, text='{"lines":5}')
    unit.happen(ev.ReportMade("o-1", data, "that is how it is"))
    all_sent(unit)


def pieces(unit):
    return [piece for _, piece in unit.said(topics.report_up("v-1"), Report)]


def acknowledge(unit, below, order="o-1", signer=SIGNER):
    topic = topics.report_down("v-1")
    unit.hear(topic, codec.encode_signed(ReportAck(1, order, below), topic, signer))


def answers(unit):
    return [(r.outcome, r.why) for r in unit.kept(Order) if r.what in ("logs", "selftest")]


def test_what_is_to_be_made_of_an_order(unit):
    unit.order(what="selftest")
    (make,) = [effect for effect in unit.effects if isinstance(effect, ef.MakeReport)]
    assert (make.order, make.what, make.parts) == ("o-1", "selftest", (("nfc", "ok"),))


def test_it_goes_up_piece_by_piece_and_is_done_then(unit):
    ordered(unit)
    got = b""
    while answers(unit)[-1][0] == "received":
        unit.wait(1_000)
        last = pieces(unit)[-1]
        assert (last.offset, last.total) == (len(got), len(DATA))
        got += b64decode(last.data)
        acknowledge(unit, len(got))
    assert got == DATA
    assert all(len(b64decode(piece.data)) <= PIECE_BYTES for piece in pieces(unit))
    assert answers(unit)[-1] == ("done", "that is how it is")


def test_a_record_that_waits_goes_first(unit):
    unit.order(what="logs")
    unit.happen(ev.ReportMade("o-1", DATA, ""))
    unit.wait(3_000)
    assert pieces(unit) == []
    all_sent(unit)
    unit.wait(500)
    assert len(pieces(unit)) == 1


def test_what_is_not_answered_is_sent_again_from_where_the_gateway_is(unit):
    ordered(unit)
    unit.wait(500)
    unit.wait(RESEND_MS + 500)
    assert [piece.offset for piece in pieces(unit)] == [0, 0]
    acknowledge(unit, 100)
    unit.wait(10_000)
    assert pieces(unit)[-1].offset == 100


def test_answers_that_are_none_change_nothing(unit):
    ordered(unit)
    unit.wait(500)
    acknowledge(unit, len(DATA), order="o-2")
    acknowledge(unit, len(DATA) + 1)
    unit.hear(topics.report_down("v-1"), b"{")
    assert answers(unit)[-1][0] == "received"


@pytest.mark.parametrize("data", [None, b"", bytes(MAX_BYTES + 1)])
def test_what_could_not_be_made_fails(unit, data):
    ordered(unit, data=data)
    assert answers(unit)[-1] == ("failed", "that is how it is")


def test_nobody_makes_it(unit):
    unit.order(what="logs")
    unit.wait(MAKE_MS + 500)
    assert answers(unit)[-1] == ("failed", "nothing was made in time")


def test_nobody_takes_it(unit):
    ordered(unit)
    unit.wait(SEND_MS + 1_000, step_ms=1_000)
    assert answers(unit)[-1] == ("failed", "the gateway did not take it; that is how it is")


def test_one_at_a_time(unit):
    unit.order(what="logs")
    unit.order(id="o-2", what="selftest")
    assert answers(unit)[-1] == ("failed", "another report is under way")


def test_a_restart_loses_it_and_says_so(unit, make_unit):
    ordered(unit, "selftest")
    again = make_unit(saved={NOTE: unit.journal.saved[NOTE]})
    again.wait(500)
    assert answers(again) == [("failed", "the unit started anew meanwhile; order it again")]
    third = make_unit(saved={NOTE: again.journal.saved[NOTE]})
    third.wait(500)
    assert answers(third) == []
