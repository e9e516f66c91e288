"""Retention: only what every platform has, only whole batches, with a record of it, and what is left still joins."""

import msgspec
import pytest
import sqlalchemy as sa

from gateway.config import RetentionSection
from gateway.ingest import quarantine
from gateway.retention import records as retention
from gateway.retention.records import Gone, Retention
from gateway.store.own_log import OwnLog
from gateway.store.schema import cursors
from tests.keys import SIGNER
from wire import chain

DAY_MS = 86_400_000
POLICY = RetentionSection(event_days=30, track_days=10, quarantine_days=5)


@pytest.fixture
def clerk(any_bench):
    """Carries the policy out on a bench's store, so many days after its records came."""

    def make(days, policy=POLICY, sinks=()):
        now_ms = any_bench.now_ms + int(days * DAY_MS)
        return Retention(any_bench.store, policy, sinks, OwnLog(SIGNER), now_ms)

    return make


def forwarded(bench, sink, stream, pos):
    with bench.store.changing() as connection:
        connection.execute(cursors.insert().values(sink=sink, stream=stream, pos=pos))


def removals(bench):
    found = [msgspec.json.decode(raw) for raw in bench.kept("gw")]
    return [one for one in found if one["kind"] == "removed"]


def left(bench, log):
    return [row for row in bench.table("records") if row["log"] == log.log]


def counts(gone):
    return {one.of: one.count for one in gone}


class TestWhatGoes:
    def test_by_its_stream_s_days_after_receipt(self, any_bench, clerk, unit_log):
        events = unit_log().grow(3)
        tracks = unit_log(stream="track", log="f" * 16).grow(4)
        any_bench.take(events.message(key=SIGNER), tracks.message(key=SIGNER))
        assert counts(clerk(9.9).run()) == {"event": 0, "track": 0, "quarantine": 0}
        assert counts(clerk(10.1).run()) == {"event": 0, "track": 4, "quarantine": 0}
        assert counts(clerk(30.1).run()) == {"event": 3, "track": 0, "quarantine": 0}
        assert (left(any_bench, events), left(any_bench, tracks)) == ([], [])

    def test_without_a_policy_nothing(self, any_bench, clerk, unit_log):
        any_bench.take(unit_log().grow(3).message(key=SIGNER))
        gone = clerk(30_000, RetentionSection()).run()
        assert counts(gone) == {"event": 0, "track": 0, "quarantine": 0}

    def test_a_dry_run_says_the_same_and_changes_nothing(self, any_bench, clerk, unit_log):
        any_bench.take(unit_log().grow(7).message(key=SIGNER))
        before = any_bench.table("records")
        assert clerk(31).due() == [Gone("event", 7), Gone("track", 0), Gone("quarantine", 0)]
        assert any_bench.table("records") == before
        assert clerk(31).run() == [Gone("event", 7), Gone("track", 0), Gone("quarantine", 0)]

    def test_nothing_that_one_platform_has_not_got_yet(self, any_bench, clerk, unit_log):
        log = unit_log().grow(9)
        for first in (1, 4, 7):
            any_bench.take(log.message(first, first + 2, key=SIGNER))
        sinks = ("city", "province")
        assert counts(clerk(31, sinks=sinks).run())["event"] == 0
        forwarded(any_bench, "city", "event", 9)
        assert counts(clerk(31, sinks=sinks).run())["event"] == 0
        forwarded(any_bench, "province", "event", 5)
        assert counts(clerk(31, sinks=sinks).run())["event"] == 3
        assert [row["seq"] for row in left(any_bench, log)] == [4, 5, 6, 7, 8, 9]

    def test_the_gateway_s_own_log_stays(self, any_bench, clerk, unit_log):
        any_bench.take(unit_log().grow(3).message(key=SIGNER))
        clerk(31).run()
        clerk(9_000).run()
        assert len(removals(any_bench)) == 1

    def test_quarantine_goes_with_one_word(self, any_bench, clerk):
        with any_bench.store.changing() as connection:
            for n in range(3):
                quarantine.put(
                    connection, "cp-01", "t", b"%d" % n, "odd", any_bench.now_ms + n * DAY_MS
                )
        assert counts(clerk(6.5).due())["quarantine"] == 2
        assert counts(clerk(6.5).run())["quarantine"] == 2
        (told,) = removals(any_bench)
        assert (told["what"], told["count"]) == ("quarantine", 2)
        assert len(any_bench.table("quarantine")) == 1

    def test_many_go_in_steps_each_with_its_record(self, any_bench, clerk, unit_log, monkeypatch):
        monkeypatch.setattr(retention, "AT_ONCE", 4)
        log = unit_log().grow(11)
        for first in range(1, 12, 2):
            any_bench.take(log.message(first, min(first + 1, 11), key=SIGNER))
        assert counts(clerk(31).run())["event"] == 11
        spans = [(one["first"], one["last"], one["count"]) for one in removals(any_bench)]
        assert spans == [(1, 4, 4), (5, 8, 4), (9, 11, 3)]

    def test_a_batch_larger_than_a_step_goes_whole(self, any_bench, clerk, unit_log, monkeypatch):
        monkeypatch.setattr(retention, "AT_ONCE", 4)
        any_bench.take(unit_log().grow(10).message(key=SIGNER))
        assert counts(clerk(31).run())["event"] == 10


class TestWhatIsLeft:
    def test_joins_what_the_record_of_it_says(self, any_bench, clerk, unit_log):
        log = unit_log().grow(9)
        any_bench.take(log.message(1, 5, key=SIGNER))
        any_bench.now_ms += 20 * DAY_MS
        any_bench.take(log.message(3, 9, key=SIGNER))
        clerk(15).run()
        (told,), rows = removals(any_bench), left(any_bench, log)
        assert (told["unit"], told["log"], told["first"], told["last"]) == ("cp-01", log.log, 1, 5)
        assert bytes.fromhex(told["h_last"]) == log.hs[5] == rows[0]["prev"]
        assert chain.walk(rows[0]["prev"], [row["raw"] for row in rows]) == log.hs[6:]
        (kept,) = any_bench.table("removed")
        assert (kept["last"], kept["h_last"]) == (5, log.hs[5])

    def test_a_signature_whose_batch_began_with_what_went_still_holds(
        self, any_bench, clerk, unit_log
    ):
        log = unit_log().grow(9)
        any_bench.take(log.message(1, 5, key=SIGNER))
        any_bench.now_ms += 20 * DAY_MS
        any_bench.take(log.message(3, 9, key=SIGNER))
        clerk(15).run()
        seal = left(any_bench, log)[-1]
        first, count = seal["batch_first"], seal["seq"] - seal["batch_first"] + 1
        where = ("cp-01", "event", log.log, first)
        text = chain.signed_text(*where, seal["batch_prev"], count, seal["h"])
        assert SIGNER.sign(text) == seal["sig"]

    def test_half_a_batch_never_goes(self, any_bench, clerk, unit_log):
        log = unit_log().grow(9)
        any_bench.take(log.message(1, 9, key=SIGNER))
        forwarded(any_bench, "city", "event", 6)
        assert counts(clerk(31, sinks=("city",)).run())["event"] == 0

    def test_more_can_come_and_what_went_may_come_again_without_a_fork(
        self, any_bench, clerk, unit_log
    ):
        log = unit_log().grow(6)
        any_bench.take(log.message(1, 3, key=SIGNER), log.message(4, 6, key=SIGNER))
        clerk(31).run()
        assert any_bench.acked(log.message(1, 3, key=SIGNER)) == {log.log: 7}
        log.grow(2)
        assert any_bench.acked(log.message(7, 8, key=SIGNER)) == {log.log: 9}
        assert [row["seq"] for row in left(any_bench, log)] == [7, 8]
        assert not any(
            "forked" in one.get("what", "") for one in map(decoded, any_bench.kept("gw"))
        )

    def test_another_branch_of_what_stayed_is_still_a_fork(self, any_bench, clerk, unit_log):
        log = unit_log().grow(3)
        any_bench.take(log.message(key=SIGNER))
        clerk(31).run()
        clone = log.branch(3).grow(1, place="there")
        log.grow(1, place="here")
        any_bench.take(log.message(4, key=SIGNER))
        any_bench.take(clone.message(4, key=SIGNER))
        assert any(
            "forked at record 4" in one.get("what", "")
            for one in map(decoded, any_bench.kept("gw"))
        )


def decoded(raw):
    return msgspec.json.decode(raw)


def test_a_kill_in_the_middle_leaves_each_step_whole(any_bench, clerk, unit_log, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    log = unit_log().grow(6)
    for first in (1, 3, 5):
        any_bench.take(log.message(first, first + 1, key=SIGNER))
    halfway = clerk(31)
    write, told = OwnLog.write, []

    def dies(*args, **fields):
        told.append(fields)
        if len(told) == 2:
            raise KeyboardInterrupt
        write(*args, **fields)

    monkeypatch.setattr(OwnLog, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        halfway.run()
    monkeypatch.undo()
    assert [row["seq"] for row in left(any_bench, log)] == [3, 4, 5, 6]
    assert [(one["first"], one["last"]) for one in removals(any_bench)] == [(1, 2)]
    with any_bench.store.reading() as connection:
        assert connection.execute(sa.text("SELECT last FROM removed")).scalars().all() == [2]
