"""A write-ahead log whose end a card has lost: told of, and no record's number given again."""

import random

import pytest

from device.journal.journal import Journal
from device.journal.wal import Tail, tail_of
from sim.chaos import damage

TOLD = 8
KEEPS_WRITING = """
import sys
from pathlib import Path
from device.journal.journal import Journal

journal = Journal.open(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    journal.append("event", b'{"n":%d}' % n)
print("told", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def killed(shelf, child):
    """A journal of `TOLD` events whose process was killed; gives the name of its event log."""
    process = child(KEEPS_WRITING, shelf.path, TOLD)
    assert process.stdout.readline() == "told\n"
    process.kill()
    process.wait()
    with_log = Journal.open(shelf.path, read_only=True)
    name = with_log.logs("event")[-1].log
    with_log.close()
    return name


def last(journal, log):
    return next(state.last for state in journal.logs("event") if state.log == log)


def test_after_a_kill_all_is_there_and_the_log_goes_on(shelf, killed):
    journal = shelf.open()
    assert journal.opening.cut is None
    assert journal.append("event", b"{}").log == killed
    assert last(journal, killed) == TOLD + 1


@pytest.mark.parametrize("seed", range(6))
def test_an_end_that_is_torn_is_told_of_and_its_numbers_are_not_given_again(shelf, killed, seed):
    damage.tear_wal(shelf.path, random.Random(seed))
    journal = shelf.open()
    assert "write-ahead log" in journal.opening.cut
    entry = journal.append("event", b"{}")
    assert (entry.log != killed, entry.seq) == (True, 1)


def test_a_log_that_is_gone_is_told_of(shelf, killed):
    damage.lose_wal(shelf.path)
    journal = shelf.open()
    assert journal.opening.cut == "its write-ahead log is gone"
    assert journal.append("event", b"{}").log != killed


def test_only_once(shelf, killed):
    damage.lose_wal(shelf.path)
    shelf.open().close()
    journal = shelf.open()
    assert journal.opening.cut is None


def test_a_journal_that_was_closed_needs_no_log(shelf):
    shelf.fill()
    assert tail_of(shelf.path) == Tail(0)
    assert shelf.open().opening.cut is None


def test_frames_of_an_older_generation_behind_the_end_are_no_loss(shelf, child):
    process = child(KEEPS_WRITING, shelf.path, 1_500)
    assert process.stdout.readline() == "told\n"
    process.kill()
    process.wait()
    size = damage.wal_of(shelf.path).stat().st_size
    assert tail_of(shelf.path).frames < size // damage.FRAME_BYTES
    assert shelf.open().opening.cut is None


@pytest.mark.parametrize("header_alone", [False, True])
def test_a_commit_that_was_begun_and_not_ended_is_no_loss(shelf, killed, header_alone):
    wal = damage.wal_of(shelf.path)
    whole = wal.read_bytes()
    ends = range(damage.WAL_HEADER_BYTES, len(whole), damage.FRAME_BYTES)
    ended = [whole[at + 4 : at + 8] != bytes(4) for at in ends]
    begun = max(n for n, last in enumerate(ended) if not last)
    assert any(ended[:begun])
    more = 24 if header_alone else damage.FRAME_BYTES
    wal.write_bytes(whole[: damage.WAL_HEADER_BYTES + begun * damage.FRAME_BYTES + more])
    assert tail_of(shelf.path).frames == begun + 1
    journal = shelf.open()
    assert journal.opening.cut is None
    assert journal.append("event", b"{}").log == killed


def test_a_log_begun_anew_over_older_frames_and_no_further_is_no_loss(shelf, child):
    """SQLite writes the new header first: killed right after it, nothing of the new generation is there."""
    process = child(KEEPS_WRITING, shelf.path, 1_500)
    assert process.stdout.readline() == "told\n"
    process.kill()
    process.wait()
    journal = Journal.open(shelf.path)
    journal._run("PRAGMA wal_checkpoint(RESTART)")
    wal = damage.wal_of(shelf.path)
    before = wal.read_bytes()
    journal.append("event", b"{}")
    begun_anew = wal.read_bytes()[: damage.WAL_HEADER_BYTES] + before[damage.WAL_HEADER_BYTES :]
    journal.close()
    wal.write_bytes(begun_anew)
    assert tail_of(shelf.path) == Tail(0, 0, anew=True)
