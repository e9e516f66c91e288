"""The rule by which a unit can go back: what a later version adds is passed over, and nothing of it is lost."""

import sqlite3
from contextlib import closing

import pytest

from device.journal.errors import JournalNewer
from device.journal.format import READS, WRITES
from tests.device.journal.test_journal import ALL
from wire.batch import decode_record

LATER = (
    b'{"kind":"levitation","boot":"9c1b22f0","up_ms":1,"at_ms":null,"clock":"none","height_m":2}'
)


def test_no_version_writes_what_it_cannot_read():
    assert WRITES <= READS


def test_what_a_later_version_added_is_passed_over_and_kept(shelf):
    """A table, a setting, a kind of record."""
    with closing(shelf.open()) as journal:
        journal.append("event", LATER)
        log = journal.logs("event")[-1].log
    with sqlite3.connect(shelf.path) as later:
        later.execute("CREATE TABLE moods (name TEXT)")
        later.execute("INSERT INTO moods VALUES ('calm')")
        later.execute("INSERT INTO settings VALUES ('mood', '{\"now\":\"calm\"}')")
    later.close()
    with closing(shelf.open()) as journal:
        assert journal.opening.kind == "existing"
        assert journal.append("event", LATER).seq == 2
        assert journal.read("event", log, 1, **ALL).raws == (LATER, LATER)
        assert journal.get_setting("mood") == {"now": "calm"}
    assert decode_record(LATER).why is None
    with sqlite3.connect(shelf.path) as again:
        assert again.execute("SELECT name FROM moods").fetchall() == [("calm",)]
    again.close()


def test_a_file_of_an_older_format_is_brought_up(shelf):
    with closing(shelf.open()) as journal:
        journal.append("event", LATER)
    _set_format(shelf.path, WRITES - 1)
    with closing(shelf.open()) as journal:
        assert journal.logs("event")[-1].last == 1
    with sqlite3.connect(shelf.path) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (WRITES,)
    plain.close()


def test_one_that_is_too_new_is_refused_and_not_touched(shelf):
    shelf.open().close()
    _set_format(shelf.path, READS + 1)
    before = shelf.path.read_bytes()
    with pytest.raises(JournalNewer):
        shelf.open()
    assert shelf.path.read_bytes() == before


def _set_format(path, number):
    with sqlite3.connect(path) as plain:
        plain.execute(f"PRAGMA user_version = {number}")
    plain.close()
