"""What is taken, kept and acknowledged; each test on a real store, the main ones on PostgreSQL too."""

import json
from hashlib import sha256
from itertools import count

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from gateway.ingest.intake import ISLANDS_PER_UNIT, Message
from tests.keys import SIGNER, Believing
from wire import chain, topics
from wire.batch import encode_batch
from wire.live import LogHead
from wire.orders import Ack, Refused
from wire.records import Clock, Dropped

LOG = "e" * 16
OTHER = "d" * 16
ZEROS = "0" * 64


# The contiguous prefix


def test_a_batch_is_committed_and_acknowledged(any_bench, unit_log):
    log = unit_log().grow(3)
    (said,) = any_bench.take(log.message(via=2))
    assert said.topic == "xk/v1/cp-01/down/ack/event"
    assert said.via == 2
    unsigned = msgspec.structs.replace(said.what, kid=None, sig=None)
    assert unsigned == Ack(1, LOG, 4, log.hs[3].hex(), any_bench.store.identity, any_bench.now_ms)
    kept = any_bench.table("records")
    assert [row["raw"] for row in kept] == log.raws
    assert [row["h"] for row in kept] == log.hs[1:]
    assert [row["seq"] for row in kept] == [1, 2, 3]
    assert {(r["unit"], r["stream"], r["log"], r["kind"], r["boot"]) for r in kept} == {
        ("cp-01", "event", LOG, "checkin", "9c1b22f0")
    }
    assert {(r["up_ms"], r["at_ms"], r["clock"], r["mark"]) for r in kept} == {
        (61_000, any_bench.now_ms, "gnss", None)
    }


def test_the_answer_comes_only_after_the_commit(bench, unit_log):
    bench.take(unit_log().grow(1).message())
    assert bench.at == ["ingest.before_commit", "ingest.after_commit"]


def test_a_stream_is_answered_on_its_own_topic(bench, unit_log):
    (said,) = bench.take(unit_log(stream="track").grow(1).message())
    assert said.topic == "xk/v1/cp-01/down/ack/track"
    assert bench.table("records")[0]["stream"] == "track"


def test_an_island_is_kept_but_not_acknowledged(any_bench, unit_log):
    log = unit_log().grow(6)
    (said,) = any_bench.take(log.message(4, 6))
    assert (said.what.next, said.what.h) == (1, ZEROS)
    assert any_bench.kept() == []
    assert any_bench.acked(log.message(1, 3)) == {LOG: 7}
    assert any_bench.kept() == log.raws
    assert any_bench.table("islands") == []


def test_islands_in_reverse_order_are_joined_when_the_first_comes(bench, unit_log):
    log = unit_log().grow(9)
    for first in (9, 7, 5, 3):
        assert bench.acked(log.message(first, min(first + 1, 9))) == {LOG: 1}
    assert bench.acked(log.message(1, 2)) == {LOG: 10}
    assert bench.kept() == log.raws


def test_islands_in_one_group_are_joined(bench, unit_log):
    log = unit_log().grow(6)
    assert bench.acked(log.message(5, 6), log.message(3, 4), log.message(1, 2)) == {LOG: 7}
    assert bench.kept() == log.raws


def test_a_longer_island_takes_the_place_of_a_shorter(bench, unit_log):
    log = unit_log().grow(6)
    bench.take(log.message(4, 4))
    bench.take(log.message(4, 6))
    bench.take(log.message(4, 5))
    assert bench.acked(log.message(1, 3)) == {LOG: 7}


def test_two_workers_over_one_store_join_each_others_islands(any_store, unit_log, bench_on):
    one, other = bench_on(any_store), bench_on(any_store)
    log = unit_log().grow(8)
    assert one.acked(log.message(3, 4)) == {LOG: 1}
    assert other.acked(log.message(7, 8)) == {LOG: 1}
    assert other.acked(log.message(1, 2)) == {LOG: 5}
    assert one.acked(log.message(5, 6)) == {LOG: 9}
    assert other.acked(log.message(8, 8)) == {LOG: 9}
    assert one.kept() == log.raws


def test_a_new_process_goes_on_where_the_old_one_was(any_store, unit_log, bench_on):
    log = unit_log().grow(4)
    bench_on(any_store).take(log.message(1, 1), log.message(3, 4))
    assert bench_on(any_store).acked(log.message(2, 2)) == {LOG: 5}


def test_a_batch_twice_is_committed_once(any_bench, unit_log):
    log = unit_log().grow(3)
    assert any_bench.acked(log.message()) == {LOG: 4}
    assert any_bench.acked(log.message()) == {LOG: 4}
    assert any_bench.acked(log.message(), log.message(2, 3)) == {LOG: 4}
    assert any_bench.kept() == log.raws
    assert any_bench.alarms() == []


def test_a_batch_that_overlaps_gives_only_what_is_new(bench, unit_log):
    log = unit_log().grow(5)
    bench.take(log.message(1, 3))
    assert bench.acked(log.message(2, 5)) == {LOG: 6}
    assert bench.kept() == log.raws


def test_islands_beyond_the_bound_are_not_kept_and_cost_the_unit_nothing_else(bench, unit_log):
    log = unit_log().grow(ISLANDS_PER_UNIT + 3)
    bench.take(*(log.message(n, n) for n in range(2, log.last + 1)))
    assert len(bench.table("islands")) == ISLANDS_PER_UNIT
    assert bench.acked(log.message(1, 1)) == {LOG: ISLANDS_PER_UNIT + 2}
    assert bench.acked(log.message(ISLANDS_PER_UNIT + 2)) == {LOG: log.last + 1}


def test_a_chain_of_islands_that_each_declare_a_gap_is_joined(bench, unit_log):
    log = unit_log().grow(1)
    for number in range(ISLANDS_PER_UNIT):
        log.add(
            Dropped, stream="event", log=LOG, first=9000 + number, last=9000 + number,
            h_last=None, why="rotten",
        )  # fmt: skip
    bench.take(*(log.message(n, n) for n in range(2, log.last + 1)))
    assert bench.acked(log.message(1, 1)) == {LOG: log.last + 1}


@pytest.fixture
def numbers():
    """Each example has a unit of its own, since they share a store."""
    return count()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_repetition_and_splitting_ends_in_exactly_the_log(
    data, store, bench_on, unit_log, numbers
):
    benches = [bench_on(store), bench_on(store)]
    unit = f"u-{next(numbers)}"
    log = unit_log(unit).grow(data.draw(st.integers(1, 12), label="records"))
    cuts = sorted(data.draw(st.sets(st.integers(1, log.last)), label="cuts") - {log.last})
    parts = list(zip([1, *(cut + 1 for cut in cuts)], [*cuts, log.last], strict=True))
    span = st.tuples(st.integers(1, log.last), st.integers(1, log.last)).map(sorted)
    more = data.draw(st.lists(span, max_size=8), label="again")
    order = data.draw(st.permutations([*parts, *more]), label="order")
    acked = 1
    while order:
        size = data.draw(st.integers(1, len(order)), label="group")
        group, order = order[:size], order[size:]
        bench = data.draw(st.sampled_from(benches), label="worker")
        ((head, now),) = bench.acked(*(log.message(first, last) for first, last in group)).items()
        assert head == LOG
        assert now >= acked
        assert bench.kept(unit) == log.raws[: now - 1]
        acked = now
    assert acked == log.last + 1
    assert benches[0].kept(unit) == log.raws
    assert [r for r in benches[0].table("islands") if r["unit"] == unit] == []
    assert benches[0].alarms() == []


# Forks


def test_a_clone_is_kept_as_a_branch_with_an_alarm_and_both_are_acknowledged(any_bench, unit_log):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(3, place="elsewhere")
    assert any_bench.acked(true.message()) == {LOG: 5}
    branch = f"{LOG}~{clone.hs[3].hex()[:8]}"
    (said,) = any_bench.take(clone.message(3))
    assert (said.what.log, said.what.next, said.what.h) == (branch, 6, clone.hs[5].hex())
    assert any_bench.kept(log=LOG) == true.raws
    assert any_bench.kept(log=branch) == clone.raws[2:]
    assert any_bench.alarms() == [f"cp-01: event log {LOG} forked at record 3"]
    true.grow(1), clone.grow(1)
    assert any_bench.acked(true.message(5), clone.message(6)) == {LOG: 6, branch: 7}
    assert len(any_bench.alarms()) == 1


def test_a_branch_begins_at_the_first_record_that_differs(bench, unit_log):
    true = unit_log().grow(5)
    clone = true.branch(3).grow(2, place="elsewhere")
    bench.take(true.message())
    branch = f"{LOG}~{clone.hs[4].hex()[:8]}"
    assert bench.acked(clone.message(1)) == {branch: 6}
    assert [r["seq"] for r in bench.table("records") if r["log"] == branch] == [4, 5]


def test_a_clone_that_differs_from_its_first_record(bench, unit_log):
    bench.take(unit_log().grow(2).message())
    clone = unit_log().grow(3, place="elsewhere")
    assert bench.acked(clone.message()) == {f"{LOG}~{clone.hs[1].hex()[:8]}": 4}


def test_a_branch_in_the_same_group_as_its_trunk(bench, unit_log):
    true = unit_log().grow(3)
    clone = true.branch(1).grow(3, place="elsewhere")
    branch = f"{LOG}~{clone.hs[2].hex()[:8]}"
    got = bench.acked(true.message(), clone.message(2, 3), clone.message(4, 4))
    assert got == {LOG: 4, branch: 5}


def test_a_branch_again_is_kept_once(bench, unit_log):
    true = unit_log().grow(3)
    clone = true.branch(1).grow(2, place="elsewhere")
    bench.take(true.message())
    assert bench.acked(clone.message(2)) == bench.acked(clone.message(2))
    assert len(bench.kept()) == 5
    assert len(bench.alarms()) == 1


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_clone_of_a_clone_is_a_branch_of_its_own(any_bench, unit_log, first):
    true = unit_log().grow(6)
    clone = true.branch(2).grow(4, place="elsewhere")
    again = clone.branch(3).grow(1, place="a third place")
    any_bench.take(true.message(), clone.message(3))
    branch = f"{LOG}~{again.hs[4].hex()[:8]}"
    assert any_bench.acked(again.message(first)) == {branch: 5}
    assert any_bench.kept(log=branch) == again.raws[3:]
    assert any_bench.kept(log=f"{LOG}~{clone.hs[3].hex()[:8]}") == clone.raws[2:]


def test_a_clone_whose_middle_is_lost_claims_nothing_until_it_came(bench, unit_log):
    true = unit_log().grow(9)
    clone = true.branch(2).grow(4, place="elsewhere")
    bench.take(true.message())
    assert bench.acked(clone.message(5)) == {LOG: 10}
    assert bench.kept() == true.raws
    branch = f"{LOG}~{clone.hs[3].hex()[:8]}"
    assert bench.acked(clone.message(3)) == {branch: 7}
    assert bench.kept(log=branch) == clone.raws[2:]


def test_a_clone_that_keeps_no_more_than_its_end_is_taken_at_its_word(bench, unit_log, hello):
    true = unit_log().grow(9)
    clone = true.branch(2).grow(4, place="elsewhere")
    bench.take(true.message())
    bench.take(hello("cp-01", LogHead("event", LOG, 5, 6, clone.hs[6].hex())))
    branch = f"{LOG}~{clone.hs[5].hex()[:8]}"
    assert bench.acked(clone.message(5)) == {branch: 7}


def test_a_branch_whose_unit_keeps_only_its_end_stays_one_branch(any_bench, unit_log, hello):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(8, place="elsewhere")
    any_bench.take(true.message(), clone.message(3, 8))
    branch = f"{LOG}~{clone.hs[3].hex()[:8]}"
    any_bench.take(hello("cp-01", clone.head(oldest=7)))
    assert any_bench.acked(clone.message(7)) == {branch: 11}
    assert any_bench.kept(log=LOG) == true.raws
    assert any_bench.kept(log=branch) == clone.raws[2:]
    assert any_bench.alarms() == [f"cp-01: event log {LOG} forked at record 3"]


@pytest.mark.parametrize("first", [7, 8])
def test_a_branch_of_a_branch_begins_where_the_trunk_never_was(any_bench, unit_log, first):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(8, place="elsewhere")
    again = clone.branch(7).grow(2, place="a third place")
    any_bench.take(true.message(), clone.message(3))
    branch = f"{LOG}~{again.hs[8].hex()[:8]}"
    assert any_bench.acked(again.message(first)) == {branch: 10}
    assert any_bench.kept(log=branch) == again.raws[7:]
    assert any_bench.table("islands") == []


def test_what_waited_for_its_branch_is_joined_to_it(any_bench, unit_log):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(8, place="elsewhere")
    assert any_bench.acked(true.message(), clone.message(9)) == {LOG: 5}
    branch = f"{LOG}~{clone.hs[3].hex()[:8]}"
    assert any_bench.acked(clone.message(3, 8)) == {branch: 11}
    assert any_bench.kept(log=branch) == clone.raws[2:]
    assert any_bench.table("islands") == []


def test_what_only_a_branchs_unit_had_is_missed_there(any_bench, unit_log, hello):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(8, place="elsewhere")
    any_bench.take(true.message(), clone.message(3, 5))
    branch = f"{LOG}~{clone.hs[3].hex()[:8]}"
    any_bench.take(hello("cp-01", clone.head(oldest=8)))
    assert any_bench.acked(clone.message(8)) == {branch: 11}
    assert any_bench.alarms()[-1] == "cp-01: event records 6 to 7 are gone"


def test_a_trunk_that_keeps_only_its_end_does_not_wait_for_what_a_longer_branch_has(
    any_bench, unit_log, hello
):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(8, place="elsewhere")
    any_bench.take(true.message(), clone.message(3))
    true.grow(5)
    any_bench.take(hello("cp-01", true.head(oldest=7)))
    again = f"{LOG}~{true.hs[7].hex()[:8]}"
    assert any_bench.acked(true.message(7)) == {again: 10}


def test_what_a_branchs_unit_declares_counts_for_the_branch(any_bench, unit_log):
    true = unit_log().grow(4)
    clone = true.branch(2).grow(8, place="elsewhere")
    any_bench.take(true.message(), clone.message(3, 5))
    branch = f"{LOG}~{clone.hs[3].hex()[:8]}"
    any_bench.take(dropped(unit_log(log=OTHER), 6, 8, clone.hs[8].hex()).message())
    assert any_bench.acked(clone.message(9)) == {branch: 11}
    assert any_bench.kept(log=branch) == clone.raws[2:5] + clone.raws[8:]


def test_a_branch_name_made_to_collide_stops_nothing_and_is_not_acknowledged(bench, unit_log):
    bench.take(unit_log().grow(1).message())
    by_name = {}
    for number in range(1_000_000):
        raw = b'{"kind":"x","n":%d}' % number
        name = chain.link(chain.START, raw)[:4]
        if name in by_name:
            break
        by_name[name] = raw
    one, other = unit_log(raws=[by_name[name]]), unit_log(raws=[raw])
    (first,) = bench.take(one.message())
    (second,) = bench.take(other.message())
    assert first.what.log == second.what.log == f"{LOG}~{name.hex()}"
    assert second.what.h == one.hs[1].hex()
    assert other.raws[0] not in bench.kept()


def test_a_new_log_beside_the_one_known_is_an_alarm(bench, unit_log):
    bench.take(unit_log().grow(1).message())
    assert bench.acked(unit_log(log=OTHER).grow(1).message()) == {OTHER: 2}
    assert bench.alarms() == [f"cp-01: a new event log {OTHER} began beside the one known"]
    bench.take(unit_log(log=OTHER).grow(2).message(), unit_log(stream="track").grow(1).message())
    bench.take(unit_log("cp-02", log="a" * 16).grow(1).message())
    assert len(bench.alarms()) == 1


def test_the_own_log_is_one_chain(bench, unit_log):
    true = unit_log().grow(2)
    bench.take(true.message(), true.branch(1).grow(1, place="here").message())
    bench.take(true.branch(1).grow(1, place="there").message())
    own = [row for row in bench.table("records") if row["unit"] == "gw"]
    assert len({row["log"] for row in own}) == 1
    assert [row["seq"] for row in own] == [1, 2]
    assert [row["h"] for row in own] == chain.walk(chain.START, [row["raw"] for row in own])


# Poison


def test_a_record_that_cannot_be_read_is_committed_marked_and_acknowledged(any_bench, unit_log):
    log = unit_log().grow(1)
    log.add_raw(b'{"kind":"clock","boot":5,"up_ms":"soon","at_ms":9007199254740991}')
    log.add_raw(b"[1,2]")
    log.add_raw(b'{"kind":"newer","boot":"9c1b22f0","up_ms":7,"at_ms":8,"clock":"gnss"}')
    log.grow(1)
    assert any_bench.acked(log.message()) == {LOG: 6}
    kept = any_bench.table("records")
    assert [row["raw"] for row in kept] == log.raws
    marks = [row["mark"] for row in kept]
    assert [mark and mark.split(":")[0] for mark in marks] == [
        None, "unreadable", "unreadable", None, None,
    ]  # fmt: skip
    assert [row["kind"] for row in kept] == ["checkin", "clock", None, "newer", "checkin"]
    assert (kept[1]["boot"], kept[1]["up_ms"], kept[1]["at_ms"]) == (None, None, None)
    assert (kept[3]["boot"], kept[3]["up_ms"], kept[3]["at_ms"]) == ("9c1b22f0", 7, 8)


HOSTILE = [
    b'{"kind":"' + b"k" * 200 + b'","boot":"9c1b22f0\\u0000","clock":"gn\\u0000"}',
    b'{"kind":"a\\u0000b","up_ms":-1,"at_ms":1e300}',
    b'{"kind":"x","up_ms":99999999999999999999,"at_ms":true}',
    b'{"kind":"x","text":"\xff\xfe"}',
    b'{"kind":"dropped","boot":"9c1b22f0","up_ms":1,"at_ms":null,"clock":"none","clock_err_ms":null,'
    b'"stream":"track","log":"'
    + b"f" * 16
    + b'","first":9,"last":2,"h_last":null,"why":"\\u0000"}',
    b"null",
    b'"text"',
    b"3",
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_no_record_stops_a_group(any_bench, unit_log, raw):
    log = unit_log(raws=[raw]).grow(1)
    said = any_bench.take(log.message(), unit_log("cp-02").grow(1).message())
    assert [(one.unit, one.what.next) for one in said] == [("cp-01", 3), ("cp-02", 2)]
    assert any_bench.kept() == log.raws
    assert len(any_bench.kept("cp-02")) == 1


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    topic=st.sampled_from(["log/event", "log/track", "hello", "state", "pos", "photo/x/0", "?"]),
    payload=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["v", "log"]), inner),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_payload_stops_a_group(store, bench_on, topic, payload):
    said = bench_on(store).take(Message(f"xk/v1/cp-01/up/{topic}", payload))
    assert {type(one.what) for one in said} <= {Refused}
    assert bool(said) == topic.startswith("log/")


def test_an_unparsable_payload_is_quarantined_once_and_refused(any_bench):
    bad = Message("xk/v1/cp-01/up/log/event", b"\x00garbage", via=1)
    digest = sha256(bad.payload).hexdigest()
    for _ in range(3):
        (said,) = any_bench.take(bad)
        assert said.topic == "xk/v1/cp-01/down/ack/event"
        assert said.via == 1
        assert (said.what.sha256, said.what.store) == (digest, any_bench.store.identity)
        assert said.what.refused == "starts with neither { nor 0x78 (zlib)"
        any_bench.now_ms += 10
    (row,) = any_bench.table("quarantine")
    assert (row["sha256"], row["unit"], row["topic"]) == (digest, "cp-01", bad.topic)
    assert (row["payload"], row["times"]) == (bad.payload, 3)
    assert row["last_ms"] - row["first_ms"] == 20


@pytest.mark.parametrize("kind", ["hello", "state", "pos"])
def test_what_is_no_batch_is_quarantined_without_an_answer(bench, kind, unit_log):
    said = bench.take(Message(f"xk/v1/cp-01/up/{kind}", b'{"v":2}'))
    assert said == []
    assert [row["unit"] for row in bench.table("quarantine")] == ["cp-01"]


def test_a_state_in_another_units_name_is_quarantined(bench, state):
    message = state("cp-02")
    bench.take(Message(topics.state("cp-01"), message.payload))
    assert bench.table("units") == []
    assert bench.table("quarantine")[0]["reason"] == "a state of unit cp-02"


@pytest.mark.parametrize(
    "topic", ["xk/v1/gw/up/log/event", "xk/v1/CP/up/log/event", "a/b", "xk/v1/cp-01/down/config"]
)
def test_what_is_none_of_ours_leaves_no_trace(bench, topic, unit_log):
    assert bench.take(Message(topic, unit_log().grow(1).payload())) == []
    assert bench.table("records") == bench.table("quarantine") == []


def test_one_units_poison_does_not_delay_anothers(any_bench, unit_log):
    log = unit_log("cp-02").grow(2)
    bad = Message("xk/v1/cp-01/up/log/event", b'{"v":1}')
    said = any_bench.take(bad, log.message(1, 1), bad, log.message(2, 2))
    assert [(one.unit, type(one.what)) for one in said] == [
        ("cp-02", Ack), ("cp-01", Refused), ("cp-01", Refused),
    ]  # fmt: skip
    assert any_bench.kept("cp-02") == log.raws


class Trusting(Believing):
    """Notes what it was asked."""

    def __init__(self):
        self.asked = []

    def check(self, signer, text, kid, sig):
        self.asked.append((signer, text, kid, sig))


def test_a_signature_is_checked_over_the_chain_and_kept_on_the_last_record(
    store, bench_on, unit_log
):
    log, trusting = unit_log().grow(3), Trusting()
    payload = encode_batch(LOG, 2, log.hs[1], log.raws[1:], ("key-1", "c2ln"))
    bench = bench_on(store, trusting)
    bench.take(log.message(1, 1), Message(topics.log("cp-01", "event"), payload))
    text = f"xk1|cp-01|event|{LOG}|2|{log.hs[1].hex()}|2|{log.hs[3].hex()}".encode()
    assert trusting.asked[1] == ("cp-01", text, "key-1", "c2ln")
    seals = [(row["batch_first"], row["kid"], row["sig"]) for row in bench.table("records")]
    assert seals == [(None, None, None), (None, None, None), (2, "key-1", "c2ln")]


# Gaps


def dropped(log, first, last, h_last, other=LOG):
    return log.add(
        Dropped, stream="event", log=other, first=first, last=last, h_last=h_last, why="evicted"
    )


def test_dropped_lets_the_acknowledgement_go_on_over_the_gap(any_bench, unit_log):
    log = unit_log().grow(9)
    any_bench.take(log.message(1, 2))
    assert any_bench.acked(log.message(6, 9)) == {LOG: 3}
    new = dropped(unit_log(log=OTHER), 3, 5, log.hs[5].hex())
    assert any_bench.acked(new.message()) == {OTHER: 2}
    assert any_bench.acked(log.message(9, 9)) == {LOG: 10}
    kept = [row for row in any_bench.table("records") if row["log"] == LOG]
    assert [row["seq"] for row in kept] == [1, 2, 6, 7, 8, 9]
    assert {row["mark"] for row in kept} == {None}


def test_gaps_that_touch_are_one(any_bench, unit_log):
    log = unit_log().grow(9)
    new = unit_log(log=OTHER)
    dropped(new, 1, 3, log.hs[3].hex())
    dropped(new, 4, 4, log.hs[4].hex())
    dropped(new, 5, 7, log.hs[7].hex())
    any_bench.take(new.message())
    assert any_bench.acked(log.message(8, 9)) == {LOG: 10}


def test_what_a_dropped_record_joins_must_fit_its_chain(bench, unit_log):
    log = unit_log().grow(4)
    bench.take(dropped(unit_log(log=OTHER), 1, 2, "ab" * 32).message())
    got = bench.acked(log.message(3, 4))
    assert got == {f"{LOG}~{log.hs[3].hex()[:8]}": 5}
    assert bench.kept(log=LOG) == []


def test_a_gap_whose_end_is_not_known_leaves_a_mark(bench, unit_log):
    log = unit_log().grow(4)
    bench.take(dropped(unit_log(log=OTHER), 1, 2, None).message())
    assert bench.acked(log.message(3, 4)) == {LOG: 5}
    marks = [row["mark"] for row in bench.table("records") if row["log"] == LOG]
    assert marks == ["gap: records 1 to 2 were never received", None]


# Greetings


def test_a_greeting_is_answered_for_each_log(any_bench, unit_log, hello):
    event, track = unit_log().grow(3), unit_log(stream="track", log=OTHER).grow(2)
    any_bench.take(event.message(1, 2))
    said = any_bench.take(hello("cp-01", event.head(), track.head(), via=3))
    assert [(one.topic, one.via) for one in said] == [
        ("xk/v1/cp-01/down/ack/event", 3), ("xk/v1/cp-01/down/ack/track", 3),
    ]  # fmt: skip
    assert [(one.what.log, one.what.next, one.what.h) for one in said] == [
        (LOG, 3, event.hs[2].hex()), (OTHER, 1, ZEROS),
    ]  # fmt: skip
    assert any_bench.alarms() == []


def test_a_greeting_is_answered_for_the_branches_too_even_by_a_new_process(
    store, bench_on, unit_log, hello
):
    true = unit_log().grow(3)
    clone = true.branch(1).grow(1, place="elsewhere")
    bench_on(store).take(true.message(), clone.message())
    got = bench_on(store).acked(hello("cp-01", clone.head()))
    assert got == {LOG: 4, f"{LOG}~{clone.hs[2].hex()[:8]}": 3}


def test_a_unit_that_keeps_less_than_is_missing_is_an_alarm_once(bench, unit_log, hello):
    log = unit_log().grow(9)
    for _ in range(2):
        bench.take(hello("cp-01", log.head(oldest=4)))
    assert bench.alarms() == ["cp-01: event records 1 to 3 are gone"]
    assert bench.acked(log.message(4, 9)) == {LOG: 10}
    assert bench.table("records")[1]["mark"] == "gap: records 1 to 3 were never received"


def test_a_unit_that_keeps_less_than_was_declared(bench, unit_log, hello):
    log = unit_log().grow(9)
    bench.take(hello("cp-01", log.head(oldest=4)))
    bench.take(hello("cp-01", log.head(oldest=7)))
    assert bench.acked(log.message(7, 9)) == {LOG: 10}


# The database


def test_when_the_database_fails_nothing_is_acknowledged_and_the_same_works_later(
    any_bench, unit_log
):
    log = unit_log().grow(2).add(Clock, utc_ms=any_bench.now_ms, source="gnss", err_ms=5)
    any_bench.take(log.message(1, 1))
    with any_bench.store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE boots RENAME TO away"))
    with pytest.raises(DBAPIError):
        any_bench.take(log.message(2))
    assert any_bench.kept() == log.raws[:1]
    with any_bench.store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO boots"))
    assert any_bench.acked(log.message(2)) == {LOG: 4}
    assert any_bench.kept() == log.raws


def test_a_death_before_the_commit_leaves_nothing(bench, unit_log, bench_on):
    log = unit_log().grow(2)
    bench.take(log.message(1, 1))
    bench.fail_at = "ingest.before_commit"
    with pytest.raises(InterruptedError):
        bench.take(log.message(2, 2))
    assert bench.kept() == log.raws[:1]
    bench.fail_at = None
    assert bench.acked(log.message(2, 2)) == {LOG: 3}


def test_a_death_after_the_commit_is_made_good_by_the_unit(bench, unit_log, bench_on):
    log = unit_log().grow(2)
    bench.fail_at = "ingest.after_commit"
    with pytest.raises(InterruptedError):
        bench.take(log.message())
    assert bench_on(bench.store).acked(log.message()) == {LOG: 3}
    assert bench.kept() == log.raws


# The time of a boot


def clock_row(bench):
    (pos,) = [row["pos"] for row in bench.table("records") if row["kind"] == "clock"]
    return pos


def test_a_clock_record_anchors_its_boot_at_its_own_position(any_bench, unit_log):
    log = unit_log().grow(2)
    log.add(Clock, up_ms=70_000, utc_ms=any_bench.now_ms, source="ntp", err_ms=50)
    log.grow(3)
    any_bench.take(log.message())
    (boot,) = any_bench.table("boots")
    assert boot["pos"] == clock_row(any_bench)
    assert (boot["unit"], boot["boot"], boot["up_ms"]) == ("cp-01", "9c1b22f0", 70_000)
    assert (boot["utc_ms"], boot["err_ms"], boot["source"]) == (any_bench.now_ms, 50, "ntp")


@pytest.mark.parametrize(
    ("source", "err_ms", "held"),
    [("gnss", 900, "new"), ("ntp", 49, "new"), ("ntp", 50, "old"), ("gw", 1, "old")],
)
def test_the_better_clock_record_is_the_anchor(bench, unit_log, source, err_ms, held):
    log = unit_log()
    log.add(Clock, utc_ms=1_000, source="ntp", err_ms=50)
    log.add(Clock, utc_ms=2_000, source=source, err_ms=err_ms)
    bench.take(log.message(1, 1))
    bench.take(log.message(2, 2))
    assert bench.table("boots")[0]["utc_ms"] == {"old": 1_000, "new": 2_000}[held]


def test_unknown_fields_and_the_order_of_keys_stay_as_they_came(bench, unit_log):
    raw = b'{ "newer": [1, 2], "kind": "boot", "boot": "9c1b22f0" }'
    bench.take(unit_log(raws=[raw]).message())
    assert bench.kept() == [raw]


class TestChainValuesThatNoRecordHas:
    """What is needed to verify a record whose neighbours are not here stands beside it."""

    def kept(self, bench, log=LOG):
        rows = [row for row in bench.table("records") if row["unit"] == "cp-01"]
        return {row["seq"]: row for row in rows if row["log"] == log}

    def test_a_batch_that_follows_its_predecessor_needs_none(self, any_bench, unit_log):
        log = unit_log().grow(4)
        any_bench.take(log.message(1, 2, key=SIGNER), log.message(3, 4, key=SIGNER))
        rows = self.kept(any_bench)
        assert {row["prev"] for row in rows.values()} == {None}
        assert {row["batch_prev"] for row in rows.values()} == {None}

    def test_a_batch_known_in_part_names_its_own_first_record(self, any_bench, unit_log):
        log = unit_log().grow(6)
        any_bench.take(log.message(1, 4, key=SIGNER))
        any_bench.take(log.message(3, 6, key=SIGNER))
        rows = self.kept(any_bench)
        assert [rows[4]["batch_first"], rows[6]["batch_first"]] == [1, 3]
        assert rows[6]["batch_prev"] is None

    def test_after_a_gap_the_value_before_it_is_kept(self, any_bench, unit_log, hello):
        log = unit_log().grow(9)
        any_bench.take(hello("cp-01", log.head(oldest=5)), log.message(7, 8, key=SIGNER))
        any_bench.take(log.message(5, 9, key=SIGNER))
        rows = self.kept(any_bench)
        assert sorted(rows) == [7, 8, 9] or sorted(rows) == [5, 6, 7, 8, 9]
        first = min(rows)
        assert rows[first]["prev"] == log.hs[first - 1]
        assert rows[9]["batch_first"] == 5
        assert rows[9]["batch_prev"] == (log.hs[4] if first == 7 else None)

    def test_a_branch_stands_by_itself(self, any_bench, unit_log):
        log = unit_log().grow(4)
        other = log.branch(2).grow(1, up_ms=99).grow(1)
        any_bench.take(log.message(key=SIGNER))
        any_bench.take(other.message(key=SIGNER))
        rows = self.kept(any_bench, f"{LOG}~{other.hs[3].hex()[:8]}")
        assert rows[3]["prev"] == log.hs[2]
        assert (rows[4]["batch_first"], rows[4]["batch_prev"]) == (1, None)
