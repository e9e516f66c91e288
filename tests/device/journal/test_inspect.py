"""What `verify` finds in a damaged journal, and that it finds nothing in a sound one."""

import pytest

from device.journal import inspect
from device.journal.inspect import all_logs, verify


@pytest.fixture
def look(shelf):
    """Fills a journal, spoils it by SQL (`TABLE`: the events' table), and gives what is found."""

    def spoil_and_verify(*statements, events=40):
        shelf.fill(events=events, tracks=5)
        journal = shelf.open()
        log = journal.logs("event")[-1].log
        for statement in statements:
            journal._run(statement.replace("TABLE", f'"doc:event:{log}"', 1))
        journal.close()
        again = shelf.open(read_only=True)
        return [(f.first, f.last, f.what) for f in verify(again) if f.log == log]

    return spoil_and_verify


def test_a_sound_journal_has_no_findings(look):
    assert look() == []


def test_a_sound_journal_with_several_logs_and_after_pruning_has_none(shelf):
    journal = shelf.open()
    for n in range(30):
        journal.append("event", b"%d" % n)
    first = journal.logs("event")[-1].log
    journal.new_log("event")
    journal.append("event", b"{}")
    journal.acknowledge("event", first, 12, "s")
    journal.prune(1_790_000_000_000, 0)
    assert [state.oldest for state in journal.logs("event")] == [12, 1]
    assert list(verify(journal)) == []
    assert [state.stream for state in all_logs(journal)] == ["event", "event", "track"]


def test_rotten_rows(look):
    rot = "UPDATE TABLE SET body = replace(body, 'event', 'evenT') WHERE doc_id IN (1, 7, 8, 40)"
    what = "not what was written"
    assert look(rot) == [(n, n, what) for n in (1, 7, 8, 40)]


def test_missing_rows(look):
    gone = "DELETE FROM TABLE WHERE doc_id IN (1, 5, 6, 39, 40)"
    assert look(gone) == [(1, 1, "missing"), (5, 6, "missing"), (39, 40, "missing")]


@pytest.mark.parametrize("at_once", [3, 500])
def test_a_row_that_does_not_join(look, monkeypatch, at_once):
    """Two whole rows, each in the other's place and with its number."""
    monkeypatch.setattr(inspect, "AT_ONCE", at_once)
    swap = "UPDATE TABLE SET doc_id = -1 WHERE doc_id = 10"
    back = "UPDATE TABLE SET doc_id = 10 WHERE doc_id = 20"
    again = "UPDATE TABLE SET doc_id = 20 WHERE doc_id = -1"
    number = "UPDATE TABLE SET body = json_set(body, '$.n', doc_id)"
    what = "does not join the record before it"
    assert look(swap, back, again, number) == [(n, n, what) for n in (10, 11, 20, 21)]


def test_a_false_head(look):
    false = """UPDATE "doc:logs" SET body = json_set(body, '$.h', printf('%064d', 7))"""
    assert look(false) == [(40, 40, "the log's head does not fit")]


def test_a_finding_says_which_log(shelf):
    shelf.fill(events=3, tracks=3)
    journal = shelf.open()
    log = journal.logs("track")[-1].log
    journal._run(f'DELETE FROM "doc:track:{log}" WHERE doc_id = 2')
    (finding,) = verify(journal)
    assert (finding.stream, finding.log, finding.first) == ("track", log, 2)
