"""The last time that a real journal knows of, after damage, with tracks, notes and open fixes."""

import msgspec
import pytest

from device.core.kept_time import KeptTime
from device.journal.journal import Journal
from device.known_time import RECENT, kept_time
from device.memory import recall
from wire.batch import encode_record
from wire.records import Alarm
from wire.track import TrackFix

T0 = 1_763_890_000_000
LOST = {"at_ms": None, "clock": "none"}


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "journal.db")
    yield journal
    journal.close()


def event(up_ms, boot="aaaa0000", at_ms=T0, clock="gnss"):
    head = {"boot": boot, "up_ms": up_ms, "at_ms": at_ms, "clock": clock, "clock_err_ms": 30}
    return encode_record(Alarm(**head, alarm="part", what="x"))


def test_a_new_journal_knows_nothing(journal):
    assert recall(journal, "first_start").kept_time is None


def test_the_last_events(journal):
    for n in range(RECENT + 5):
        journal.append("event", event(n, at_ms=T0 + n))
    newest = RECENT + 4
    assert recall(journal, "clean").kept_time == KeptTime(
        "aaaa0000", newest, T0 + newest, "gnss", 30, T0 + newest
    )


def test_the_older_log_where_damage_began_a_new_one(journal):
    journal.append("event", event(5))
    journal.new_log("event")
    assert recall(journal, "killed").kept_time.at_ms == T0
    journal.append("event", event(9, "bbbb0000", **LOST))
    journal.new_log("event")
    assert recall(journal, "killed").kept_time.boot == "aaaa0000"


def test_rotten_rows_and_kinds_of_tomorrow_are_passed_over(journal):
    for n in range(4):
        journal.append("event", event(n, at_ms=T0 + n))
    journal.append("event", b'{"kind":"of tomorrow","clock":"gnss","at_ms":9}')
    log = journal.logs("event")[-1].log
    journal._run(f"""UPDATE "doc:event:{log}" SET body = '' WHERE doc_id IN (2, 4)""")
    assert kept_time(journal, None).at_ms == T0 + 2


def test_tracks_and_open_fixes_raise_the_floor(journal):
    journal.append("event", event(5))
    journal.append("track", event(9, at_ms=T0 + 40_000))
    assert recall(journal, "clean").kept_time.floor_ms == T0
    journal.sync()
    assert recall(journal, "clean").kept_time.floor_ms == T0 + 40_000
    journal.keep_fix(msgspec.json.encode(TrackFix(T0 + 50_000, 50_000, 27.0, 111.0)))
    assert recall(journal, "clean").kept_time.floor_ms == T0 + 50_000


@pytest.mark.parametrize("rotten", ['{"boot":7}', "{", "[]"])
def test_a_note_that_cannot_be_read_leaves_the_events(journal, rotten):
    journal.append("event", event(5))
    journal.put_setting("clock", {"boot": "x"})
    journal._run("UPDATE settings SET value = ?", (rotten,))
    assert recall(journal, "clean").kept_time.at_ms == T0


def test_a_note_alone_is_enough(journal):
    note = KeptTime("aaaa0000", 5, T0, "ntp", 20, T0)
    journal.put_setting("clock", msgspec.to_builtins(note))
    assert recall(journal, "clean").kept_time == note
