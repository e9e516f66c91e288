"""What a stolen box may try to fill: logs, branches, alarms. It is held to bounds, and no other unit notices."""

import pytest

from gateway.ingest import bounds
from gateway.ingest.bounds import ALARMS_A_DAY, BRANCHES, DAY_MS, LOGS_A_DAY, Alarms
from wire.live import LogHead
from wire.orders import Refused
from wire.records import Dropped


def name(number):
    return f"{number:016x}"


def refusals(bench):
    return [row["reason"] for row in bench.table("quarantine")]


def test_a_unit_begins_so_many_logs_a_day_and_no_more(any_bench, unit_log):
    bench = any_bench
    logs = [unit_log(log=name(number)).grow(1) for number in range(LOGS_A_DAY + 3)]
    said = bench.take(*(log.message() for log in logs))
    assert sum(isinstance(one.what, Refused) for one in said) == 3
    assert set(refusals(bench)) == {"more new logs within a day than a unit begins"}
    assert bench.acked(logs[0].grow(1).message(2)) == {logs[0].log: 3}
    assert bench.acked(unit_log("cp-02").grow(1).message())
    bench.now_ms += DAY_MS + 1
    assert bench.acked(logs[-1].message()) == {logs[-1].log: 2}


def test_greetings_declare_so_many_logs_lost_and_no_more(any_bench, hello):
    bench = any_bench
    for number in range(8):
        heads = [LogHead("track", name(64 * number + n), 5, 9, "ab" * 32) for n in range(64)]
        bench.take(hello("cp-01", *heads))
    assert len(bench.table("gaps")) == LOGS_A_DAY
    assert len(bench.alarms()) <= ALARMS_A_DAY


def test_a_log_that_was_declared_lost_is_taken_though_there_are_many(bench, unit_log, hello):
    log = unit_log().grow(9)
    bench.take(hello("cp-01", log.head(oldest=5)))
    for number in range(4):
        heads = [LogHead("track", name(64 * number + n), 5, 9, "ab" * 32) for n in range(64)]
        bench.take(hello("cp-01", *heads))
    assert bench.acked(log.message(5)) == {log.log: 10}


def test_a_log_has_so_many_branches_and_no_more(bench, unit_log):
    log = unit_log().grow(3)
    bench.take(log.message())
    for number in range(2 * BRANCHES):
        bench.take(log.branch(1).checkin(f"elsewhere-{number}").message(2))
    assert len(bench.table("logs")) == 1 + BRANCHES + 1
    assert bench.acked(log.grow(1).message(4))[log.log] == 5


def test_gaps_declared_one_record_at_a_time_are_one(any_bench, unit_log):
    """Each batch asks for the gap at its log's end; a million of them held up all others for minutes."""
    bench, lost = any_bench, unit_log(stream="track", log=name(7)).grow(600)
    log = unit_log()
    for seq in range(1, 501):
        h_last = lost.hs[seq].hex()
        where = {"stream": "track", "log": lost.log, "first": seq, "last": seq}
        log.add(Dropped, **where, h_last=h_last, why="thinned")
    bench.take(log.message())
    bench.take(log.add_raw(log.raws[9]).message(501))
    assert [(row["first"], row["last"]) for row in bench.table("gaps")] == [(1, 500)]
    assert bench.acked(lost.message(501)) == {lost.log: 601}


def test_what_is_remembered_of_greetings_and_heads_is_bounded(bench, hello, monkeypatch):
    monkeypatch.setattr("gateway.ingest.branches.REMEMBERED", 100)
    monkeypatch.setattr("gateway.store.book.REMEMBERED", 100)
    for number in range(10):
        heads = [LogHead("track", name(64 * number + n), 1, 0, "00" * 32) for n in range(64)]
        bench.take(hello("cp-01", *heads))
    assert len(bench.intake._branches._oldest) <= 100
    assert len(bench.intake._book._heads) <= 100 + 2 * 64


class TestAlarms:
    def test_about_one_unit_end_for_the_day_with_a_word_on_it(self):
        alarms = Alarms()
        said = [alarms.admit("cp-01", "forked", DAY_MS) for _ in range(ALARMS_A_DAY + 5)]
        assert said[0] == "forked"
        assert "no more are raised until tomorrow" in said[ALARMS_A_DAY - 1]
        assert said[ALARMS_A_DAY:] == [None] * 5
        assert alarms.admit("cp-02", "forked", DAY_MS) == "forked"
        assert alarms.admit("cp-01", "forked", 2 * DAY_MS) == "forked"

    @pytest.mark.parametrize("raised", [3])
    def test_are_written_up_to_it(self, bench, unit_log, monkeypatch, raised):
        monkeypatch.setattr(bounds, "ALARMS_A_DAY", raised)
        for number in range(10):
            bench.take(unit_log(log=name(number)).grow(1).message())
        assert len(bench.alarms()) == raised
