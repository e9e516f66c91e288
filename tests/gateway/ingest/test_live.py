"""The live picture: who is there, where, and how fresh that is."""

import random

import msgspec
import pytest

from gateway.ingest.bounds import STATE_BYTES
from gateway.ingest.intake import LIVE_EVERY_MS, Message
from tests.wire.conftest import EXAMPLES
from wire import codec, topics
from wire.batch import pack, unpack
from wire.live import LiveFix, Pos
from wire.records import Track

FIX = LiveFix(27.2418, 111.4725, 120, hacc_m=2.1)


@pytest.fixture
def pos():
    def make(unit="cp-01", fix=FIX, retained=False):
        return Message(topics.pos(unit), codec.encode(Pos(1, fix)), retained=retained)

    return make


@pytest.fixture
def picture(any_bench):
    """Takes messages, each as a group of its own, and an idle one after a second; gives rows by unit."""

    def take(*messages):
        for message in messages:
            any_bench.now_ms += LIVE_EVERY_MS
            any_bench.take(message)
        heard_ms = any_bench.now_ms
        any_bench.now_ms += LIVE_EVERY_MS
        any_bench.take()
        any_bench.now_ms = heard_ms
        return {row["unit"]: row for row in any_bench.table("units")}

    return take


def test_a_state_is_kept_and_no_more_than_is_known_of_it(picture, state):
    message = state(alarms=["gps: silent"])
    padded = Message(message.topic, message.payload[:-1] + b',"x":"%s"}' % (b"y" * 9_000))
    assert picture(padded)["cp-01"]["state"] == message.payload


@pytest.mark.parametrize(
    "pad", [b"y" * STATE_BYTES, random.Random(1).randbytes(STATE_BYTES).hex().encode()]
)
def test_one_that_would_fill_memory_is_refused(picture, any_bench, state, pad):
    good = state()
    long = unpack(good.payload)[:-1] + b',"x":"' + pad + b'"}'
    assert picture(*[Message(good.topic, one) for one in (long, pack(long))]) == {}
    assert {"a state of" in row["reason"] for row in any_bench.table("quarantine")} == {True}


def test_the_largest_of_a_unit_in_order_is_shown(picture, state):
    told = [f"{'部件' * 20}{number}" for number in range(32)]
    urgent = [one for one in EXAMPLES if not isinstance(one, Track)][:16]
    assert picture(state(alarms=told, urgent=urgent, crew=[f"p-{n}" for n in range(64)]))


def test_a_state_is_kept_as_it_was_said(picture, any_bench, state):
    message = state(conn=17, fix=FIX, crew=["p-1"])
    row = picture(message)["cp-01"]
    assert (row["online"], row["boot"], row["conn"]) == (True, "9c1b22f0", 17)
    assert (row["state"], row["state_ms"]) == (message.payload, any_bench.now_ms)
    assert msgspec.json.decode(row["fix"], type=LiveFix) == FIX
    assert row["fix_ms"] == any_bench.now_ms - 120


def test_a_retained_state_is_shown_but_never_fresh(picture, state):
    message = state(fix=FIX, retained=True)
    row = picture(message)["cp-01"]
    assert (row["online"], row["state"]) == (True, message.payload)
    assert (row["state_ms"], row["fix"], row["fix_ms"]) == (None, None, None)


def test_a_retained_state_does_not_freshen_what_was_heard(picture, any_bench, state):
    picture(state(fix=FIX))
    heard_ms = any_bench.now_ms
    row = picture(state(fix=LiveFix(1.0, 2.0, 0), retained=True))["cp-01"]
    assert (row["state_ms"], row["fix_ms"]) == (heard_ms, heard_ms - 120)
    assert msgspec.json.decode(row["fix"])["lat"] == 27.2418


def test_a_position_alone_moves_the_fix(picture, any_bench, state, pos):
    picture(state(fix=FIX))
    row = picture(pos(fix=LiveFix(1.0, 2.0, 500)))["cp-01"]
    assert msgspec.json.decode(row["fix"])["lat"] == 1.0
    assert row["fix_ms"] == any_bench.now_ms - 500


def test_a_retained_position_is_none(picture, pos):
    assert picture(pos(retained=True)) == {}


def test_the_last_will_of_the_connection_in_use_ends_it(picture, state):
    row = picture(state(conn=3), state(conn=3, online=False))["cp-01"]
    assert row["online"] is False
    assert row["state"] == state(conn=3).payload


@pytest.mark.parametrize("older", [{"conn": 2}, {"conn": 9, "boot": "00000000"}])
@pytest.mark.parametrize("retained", [False, True])
def test_the_last_will_of_an_older_connection_changes_nothing(picture, state, older, retained):
    before = picture(state(conn=3))
    assert picture(state(online=False, retained=retained, **older)) == before


def test_a_will_is_enough_to_know_a_unit(picture, state):
    assert picture(state(online=False))["cp-01"]["online"] is False


def test_the_picture_is_known_to_the_next_process(any_bench, bench_on, state):
    any_bench.take(state(conn=3))
    any_bench.take()
    after = bench_on(any_bench.store)
    after.take(state(conn=2, online=False), state("cp-02", online=False))
    after.take()
    assert {row["unit"]: row["online"] for row in after.table("units")} == {
        "cp-01": True,
        "cp-02": False,
    }


def test_it_is_written_once_a_second_at_most(bench, state, pos):
    bench.take(state())
    bench.take()
    bench.take(pos())
    bench.now_ms += LIVE_EVERY_MS - 1
    bench.take()
    assert bench.table("units")[0]["fix"] is None
    bench.now_ms += 1
    bench.take()
    bench.take()
    assert bench.table("units")[0]["fix"] is not None
    bench.now_ms += LIVE_EVERY_MS
    bench.take()
    assert bench.at.count("ingest.after_commit") == 2


def test_it_is_written_with_the_next_batch(bench, state, pos, unit_log):
    bench.take(state())
    bench.take()
    bench.take(pos(), unit_log().grow(1).message())
    assert bench.table("units")[0]["fix"] is not None


def test_what_a_failed_group_would_have_written_is_written_by_the_next(bench, state, unit_log):
    bench.take(state())
    bench.take()
    bench.take(state("cp-02"))
    bench.fail_at = "ingest.before_commit"
    with pytest.raises(InterruptedError):
        bench.take(unit_log().grow(1).message())
    bench.fail_at = None
    bench.take(unit_log().grow(1).message())
    assert [row["unit"] for row in bench.table("units")] == ["cp-01", "cp-02"]


def test_names_made_up_without_end_take_bounded_room(bench, state, pos, monkeypatch):
    monkeypatch.setattr("gateway.ingest.live.MOST_UNITS", 3)
    for number in range(9):
        bench.take(state(f"cp-{number}"), pos(f"v-{number}"))
    bench.take(state("cp-0", conn=2))
    bench.now_ms += 1_000
    bench.take(state("cp-0", conn=3))
    assert len(bench.table("units")) == 3
    assert {row["unit"]: row["conn"] for row in bench.table("units")}["cp-0"] == 3
