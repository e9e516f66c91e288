"""Full, read-only, newer, torn and rotten files: a clear error or a salvage, and never a number used twice."""

import os
import random
import secrets
import shutil
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from device.journal.errors import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalMissing,
    JournalNewer,
    JournalReadOnly,
    RottenRow,
)
from device.journal.journal import Journal
from wire.records import STREAMS

ONE = {"max_count": 1, "max_bytes": 1}
ALL = {"max_count": 100_000, "max_bytes": 1 << 30}

FILL = """
import resource, sys
from pathlib import Path
from device.journal.journal import Journal
from device.journal.errors import JournalFull

journal = Journal.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
last = 0
try:
    while True:
        last = journal.append("event", b'{"text":"%s"}' % (b"x" * 500)).seq
except JournalFull as exc:
    print(last, exc.words.en)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(journal.append("event", b'{"text":"room again"}').seq)
journal.close()
"""


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of one MiB; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system; RLIMIT_FSIZE stands in elsewhere")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read_around(journal):
    """All that can be read, by stream, log and number; and the numbers that have rotted."""
    found, rotten = {}, set()
    for stream in STREAMS:
        for state in journal.logs(stream):
            at = state.oldest
            while at <= state.last:
                try:
                    piece = journal.read(stream, state.log, at, **ALL)
                except RottenRow as exc:
                    rotten.add((stream, state.log, exc.seq))
                    at = exc.seq + 1
                    continue
                if piece is None:
                    break
                for n, raw in enumerate(piece.raws):
                    found[stream, state.log, piece.first + n] = raw
                at = piece.first + len(piece.raws)
    return found, rotten


def page_of(data, needle):
    """Where the SQLite page begins that holds `needle`."""
    size = int.from_bytes(data[16:18], "big")
    return data.index(needle) // size * size, size


def spans_of(lost):
    return {(s.stream, s.log, n) for s in lost for n in range(s.first, s.last + 1)}


class TestFullDisk:
    def test_nothing_is_lost_and_it_works_again_with_room(self, shelf, small_disk, chained):
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(300_000))
        journal = Journal.open(small_disk / "journal.db")
        told = []
        with pytest.raises(JournalFull, match="make room"):
            for n in range(10_000):
                told.append(journal.append("event", b'{"n":%d,"text":"%s"}' % (n, b"x" * 300)).h)
        with pytest.raises(JournalFull):
            journal.append("event", b'{"text":"%s"}' % (b"x" * 60_000))
        assert len(told) > 30
        assert [h for _, _, h, _ in journal.iterate("event")] == told
        ballast.unlink()
        assert journal.append("event", b'{"n":"after"}').seq == len(told) + 1
        journal.close()
        again = Journal.open(small_disk / "journal.db")
        assert chained([(seq, h, raw) for _, seq, h, raw in again.iterate("event")])
        assert again.logs("event")[-1].last == len(told) + 1
        again.close()

    def test_opening_on_a_full_disk_is_refused_clearly_and_works_again_with_room(
        self, shelf, small_disk
    ):
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(900_000))
        with ballast.open("ab", buffering=0) as more, pytest.raises(OSError, match="space"):
            while True:
                more.write(bytes(1))
        with pytest.raises(JournalError) as refused:
            Journal.open(small_disk / "journal.db")
        assert type(refused.value) is not JournalError
        ballast.unlink()
        journal = Journal.open(small_disk / "journal.db")
        assert journal.append("event", b"{}").seq == 1
        journal.close()

    def test_a_damaged_file_is_not_given_up_for_want_of_room_to_salvage_it(self, shelf, small_disk):
        written = shelf.fill(events=1_000, tracks=0)
        damaged = bytearray(shelf.path.read_bytes())
        at, size = page_of(damaged, b"event 500")
        damaged[at : at + size] = bytes(size)
        path = small_disk / "journal.db"
        path.write_bytes(damaged)
        ballast = small_disk / "ballast"
        room = os.statvfs(small_disk)
        ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - 150_000))
        with pytest.raises(JournalFull):
            Journal.open(path, suspect=True)
        ballast.unlink()
        journal = Journal.open(path, suspect=True)
        assert journal.opening.kind == "salvaged"
        found, _ = read_around(journal)
        assert found.keys() | spans_of(journal.opening.lost) == written.keys()
        journal.close()

    def test_a_limit_on_the_files_size_is_the_same_as_a_full_disk(self, shelf, child, chained):
        said, _ = child(FILL, shelf.path).communicate(timeout=60)
        first, second = said.splitlines()
        last, _, why = first.partition(" ")
        assert "nothing was written; make room" in why
        assert int(last) > 10
        assert int(second) == int(last) + 1
        rows = [(seq, h, raw) for _, seq, h, raw in shelf.open().iterate("event")]
        assert rows[-1][2] == b'{"text":"room again"}'
        assert chained(rows)


class TestReadOnly:
    def test_a_read_only_medium_is_refused_and_read_anyway(self, small_disk):
        path = small_disk / "journal.db"
        journal = Journal.open(path)
        journal.append("event", b'{"n":1}')
        journal.close()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(JournalReadOnly, match="how the disk is mounted"):
            Journal.open(path)

    def test_a_journal_that_turns_read_only_says_so_and_goes_on_later(self, shelf):
        journal = shelf.open()
        journal.append("event", b'{"n":1}')
        journal._run("PRAGMA query_only = 1")
        with pytest.raises(JournalReadOnly, match="permissions"):
            journal.append("event", b'{"n":2}')
        journal._run("PRAGMA query_only = 0")
        assert journal.append("event", b'{"n":3}').seq == 2


class TestPlace:
    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(JournalMissing, match="check that its folder exists"):
            Journal.open(tmp_path / "no" / "journal.db")

    def test_a_folder_in_its_place(self, tmp_path):
        with pytest.raises(JournalMissing, match=str(tmp_path)):
            Journal.open(tmp_path)

    def test_read_only_makes_no_file(self, tmp_path):
        with pytest.raises(JournalMissing):
            Journal.open(tmp_path / "journal.db", read_only=True)
        assert list(tmp_path.iterdir()) == []

    def test_a_newer_format_is_not_touched(self, shelf):
        shelf.fill()
        plain = sqlite3.connect(shelf.path)
        plain.execute("PRAGMA user_version = 2")
        plain.close()
        before = shelf.path.read_bytes()
        for how in ({}, {"suspect": True}, {"read_only": True}):
            with pytest.raises(JournalNewer, match="update the software"):
                Journal.open(shelf.path, **how)
        assert shelf.path.read_bytes() == before
        assert shelf.aside() == []

    def test_an_empty_file_is_a_fresh_journal(self, shelf):
        shelf.path.touch()
        journal = shelf.open()
        assert journal.opening.kind == "fresh"
        assert journal.append("event", b"{}").seq == 1


class TestSetAside:
    def test_what_is_no_database_is_set_aside_and_work_begins_anew(self, shelf):
        text = "这不是数据库".encode() * 1000
        shelf.path.write_bytes(text)
        journal = shelf.open()
        assert journal.opening.kind == "salvaged"
        assert journal.opening.lost == ()
        assert shelf.aside() == [journal.opening.set_aside]
        assert journal.opening.set_aside.read_bytes() == text
        assert journal.append("event", b"{}").seq == 1

    def test_read_only_leaves_a_damaged_file_in_its_place(self, shelf):
        shelf.path.write_bytes(b"not a database" * 1000)
        with pytest.raises(JournalCorrupt, match="set aside when opened again"):
            Journal.open(shelf.path, read_only=True)
        assert shelf.aside() == []

    def test_a_lost_page_is_declared_and_all_else_is_kept(self, shelf):
        written = shelf.fill(events=600, tracks=30)
        damaged = bytearray(shelf.path.read_bytes())
        at, size = page_of(damaged, b"event 300")
        damaged[at : at + size] = bytes(size)
        shelf.path.write_bytes(damaged)
        journal = shelf.open(suspect=True)
        found, rotten = read_around(journal)
        lost = spans_of(journal.opening.lost)
        assert rotten == set()
        assert found.items() <= written.items()
        assert lost == written.keys() - found.keys()
        assert 1 <= len(lost) < 100
        assert journal.opening.set_aside.read_bytes() == damaged

    def test_the_lost_spans_join_what_stands_on_both_sides(self, shelf):
        shelf.fill(events=600, tracks=0)
        damaged = bytearray(shelf.path.read_bytes())
        at, size = page_of(damaged, b"event 300")
        damaged[at : at + size] = bytes(size)
        shelf.path.write_bytes(damaged)
        journal = shelf.open(suspect=True)
        (span,) = journal.opening.lost
        assert journal.read("event", span.log, span.last + 1, **ONE).prev == span.h_last
        assert span.h_last == journal.chain_at("event", span.log, span.last)

    def test_what_was_acknowledged_is_not_declared_lost(self, shelf):
        written = shelf.fill(events=600, tracks=0)
        journal = shelf.open()
        journal.acknowledge("event", journal.logs("event")[-1].log, 601, "s")
        journal.close()
        damaged = bytearray(shelf.path.read_bytes())
        at, size = page_of(damaged, b"event 300")
        damaged[at : at + size] = bytes(size)
        shelf.path.write_bytes(damaged)
        again = shelf.open(suspect=True)
        assert again.opening.lost == ()
        assert len(read_around(again)[0]) < len(written)
        assert again.logs("event")[0].next == 601

    def test_settings_and_open_fixes_are_kept(self, shelf):
        shelf.fill(events=600, tracks=0)
        journal = shelf.open()
        journal.put_setting("config", {"version": 3})
        journal.keep_fix(b'{"n":1}')
        journal.close()
        damaged = bytearray(shelf.path.read_bytes())
        at, size = page_of(damaged, b"event 300")
        damaged[at : at + size] = bytes(size)
        shelf.path.write_bytes(damaged)
        again = shelf.open(suspect=True)
        assert again.opening.kind == "salvaged"
        assert again.get_setting("config") == {"version": 3}
        assert again.open_fixes() == [b'{"n":1}']

    def test_old_logs_are_sealed_and_new_ones_go_on(self, shelf):
        written = shelf.fill(events=600, tracks=5)
        damaged = bytearray(shelf.path.read_bytes())
        at, size = page_of(damaged, b"event 300")
        damaged[at : at + size] = bytes(size)
        shelf.path.write_bytes(damaged)
        journal = shelf.open(suspect=True)
        for stream in STREAMS:
            old, new = journal.logs(stream)
            assert (old.sealed, new.sealed, new.last) == (True, False, 0)
            assert (stream, old.log, old.last) in written
            entry = journal.append(stream, b"{}")
            assert (entry.log, entry.seq) == (new.log, 1)

    def test_a_row_at_another_number_than_its_own_is_never_taken_for_that_record(self, shelf):
        shelf.fill(events=9, tracks=0)
        journal = shelf.open()
        log = journal.logs("event")[-1].log
        journal._run(f'DELETE FROM "doc:event:{log}" WHERE doc_id = 6')
        journal._run(f'UPDATE "doc:event:{log}" SET doc_id = 6 WHERE doc_id = 5')
        with pytest.raises(RottenRow) as rotten:
            journal.read("event", log, 5, **ALL)
        assert rotten.value.seq == 6

    def test_rows_beyond_the_head_mean_a_stale_head_and_are_kept(self, shelf):
        written = shelf.fill(events=10, tracks=0)
        journal = shelf.open()
        doc_id, document = journal._current["event"]
        document.last = 6
        journal._write_log(doc_id, document)
        journal.close()
        again = shelf.open()
        assert again.opening.kind == "salvaged"
        assert read_around(again)[0] == written
        assert again.logs("event")[0].last == 10

    def test_a_damaged_head_document_is_made_again_from_the_rows(self, shelf):
        written = shelf.fill(events=10, tracks=3)
        plain = sqlite3.connect(shelf.path)
        plain.execute("""UPDATE "doc:logs" SET body = replace(body, '"last"', '"l st"')""")
        plain.commit()
        plain.close()
        journal = shelf.open()
        assert journal.opening.kind == "salvaged"
        assert read_around(journal)[0] == written
        assert [s.last for s in journal.logs("event")] == [10, 0]

    @pytest.mark.parametrize("left", ["complete", "torn"])
    def test_a_salvage_that_was_killed_is_finished(self, shelf, left):
        """Killed after the damaged file was moved away; or before, with the new file half written."""
        written = shelf.fill(events=50)
        half = shelf.path.with_name("journal.db.salvaging")
        if left == "complete":
            shelf.path.rename(half)
        else:
            half.write_bytes(shelf.path.read_bytes()[:5000])
        journal = shelf.open()
        assert read_around(journal)[0] == written


class TestTruncated:
    @pytest.mark.parametrize("part", [0.03, 0.2, 0.5, 0.8, 0.99])
    def test_what_is_left_is_kept_and_no_number_is_used_twice(self, shelf, part):
        written = shelf.fill(events=400, tracks=50)
        whole = shelf.path.read_bytes()
        shelf.path.write_bytes(whole[: int(len(whole) * part)])
        journal = shelf.open(suspect=True)
        assert journal.opening.kind == "salvaged"
        found, _ = read_around(journal)
        assert found.items() <= written.items()
        assert spans_of(journal.opening.lost) <= written.keys()
        entry = journal.append("event", b"{}")
        assert ("event", entry.log, entry.seq) not in written
        assert journal.opening.set_aside.read_bytes() == whole[: int(len(whole) * part)]


def flip(data, rng, how):
    """Damage as cards do it: single bits, short runs, whole sectors."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(100, len(data))
        if how == "bits":
            data[at] ^= 1 << rng.randrange(8)
        elif how == "run":
            data[at : at + 16] = rng.randbytes(len(data[at : at + 16]))
        else:
            at -= at % 512
            data[at : at + 512] = rng.choice((bytes(512), b"\xff" * 512, rng.randbytes(512)))
    return bytes(data)


class TestFlipped:
    @pytest.mark.parametrize("suspect", [False, True])
    @pytest.mark.parametrize("how", ["bits", "run", "sectors"])
    @pytest.mark.parametrize("seed", range(15))
    def test_no_false_record_no_number_twice_and_no_unknown_error(
        self, shelf, filled_once, seed, how, suspect
    ):
        whole, written = filled_once
        damaged = flip(whole, random.Random(seed), how)
        shelf.path.write_bytes(damaged)
        for look in (suspect, True, True):
            try:
                journal = Journal.open(shelf.path, suspect=look)
            except JournalError as exc:
                assert type(exc) is not JournalError
                assert shelf.path.read_bytes() == damaged
                if look or not isinstance(exc, JournalCorrupt):
                    return
                continue
            try:
                found, rotten = read_around(journal)
                journal.recent("event", 50)
                journal.open_fixes()
                entry = journal.append("event", b"{}")
            except JournalCorrupt:
                assert not look, "a file that was looked through is still damaged"
                continue
            finally:
                with suppress(JournalCorrupt):
                    journal.close()
            break
        assert found.items() <= written.items()
        assert rotten <= written.keys()
        assert ("event", entry.log, entry.seq) not in written
        for aside in shelf.aside():
            assert aside.stat().st_size == len(damaged)


@pytest.fixture(scope="module")
def filled_once(tmp_path_factory):
    """The bytes of one sound journal, and what is in it."""
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    names = iter(("e" * 16, "f" * 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_hex", lambda count: next(names))
        journal = Journal.open(path)
    written = {}
    for stream, count in (("event", 300), ("track", 60)):
        for n in range(count):
            raw = b'{"n":%d,"text":"\xe5\xb7\xa1 %s"}' % (n, stream.encode())
            entry = journal.append(stream, raw)
            written[stream, entry.log, entry.seq] = raw
    journal.keep_fix(b'{"n":1}')
    journal.put_setting("config", {"version": 3})
    journal.close()
    return path.read_bytes(), written


class TestRotten:
    def spoil(self, journal, seq, sql):
        log = journal.logs("event")[-1].log
        journal._run(f'UPDATE "doc:event:{log}" SET body = {sql} WHERE doc_id = ?', (seq,))
        return log

    SQL = (
        """replace(body, 'ev', 'eV')""",
        """substr(body, 1, 80)""",
        """cast(x'7bff22' as text)""",
        """replace(body, '"p":"', '"p":"zz')""",
        """replace(body, '"p"', '"q"')""",
        """x'00ff'""",
        """''""",
    )

    @pytest.mark.parametrize("sql", SQL)
    def test_a_rotten_row_is_told_of_and_what_stands_around_it_is_read(self, shelf, sql):
        written = shelf.fill(events=9, tracks=0)
        journal = shelf.open()
        log = self.spoil(journal, 5, sql)
        with pytest.raises(RottenRow, match="record 5 of event") as rotten:
            journal.read("event", log, 5, **ALL)
        assert (rotten.value.stream, rotten.value.log, rotten.value.seq) == ("event", log, 5)
        found, bad = read_around(journal)
        assert bad == {("event", log, 5)}
        assert found == {k: v for k, v in written.items() if k[2] != 5}
        assert [seq for seq, _ in journal.recent("event", 9)] == [9, 8, 7, 6, 4, 3, 2, 1]

    @pytest.mark.parametrize("sql", SQL)
    def test_sealed_its_text_is_kept_and_the_gap_is_joined(self, shelf, sql):
        shelf.fill(events=9, tracks=0)
        journal = shelf.open()
        expected = journal.chain_at("event", journal.logs("event")[-1].log, 5)
        log = self.spoil(journal, 5, sql)
        assert journal.chain_at("event", log, 5) == expected
        entry, begun = journal.seal_rotten("event", log, 5, b'{"dropped":5}')
        assert (entry.log, entry.seq, begun) == (begun, 1, journal.logs("event")[-1].log)
        assert [one.sealed for one in journal.logs("event")] == [True, False]
        assert journal.read("event", log, 5, **ALL).first == 6
        assert journal.read("event", begun, 1, **ALL).raws == (b'{"dropped":5}',)
        (kept,) = journal._run('SELECT body FROM "doc:rotten"').fetchall()
        assert f'"log":"{log}","seq":5' in kept[0]

    def test_two_in_a_row_and_the_last_of_all(self, shelf):
        shelf.fill(events=9, tracks=0)
        journal = shelf.open()
        head = journal.logs("event")[-1].h
        for seq in (5, 6, 9):
            log = self.spoil(journal, seq, "'{'")
        assert journal.chain_at("event", log, 5) is None
        assert journal.chain_at("event", log, 6) == journal.read("event", log, 7, **ONE).prev
        assert journal.chain_at("event", log, 9) == head
        sealed = [journal.seal_rotten("event", log, seq, b"{}") for seq in (5, 6, 9)]
        (other,) = {entry.log for entry, _ in sealed}
        assert [begun for _, begun in sealed] == [other, None, None]
        assert journal.chain_at("event", log, 9) == head

    def test_the_chain_is_never_vouched_for_by_a_rotten_row(self, shelf):
        shelf.fill(events=9, tracks=0)
        journal = shelf.open()
        log = journal.logs("event")[-1].log
        honest = journal.chain_at("event", log, 5)
        self.spoil(journal, 5, """replace(body, '"h":"', '"h":"00')""")
        assert journal.chain_at("event", log, 5) == honest
        self.spoil(journal, 6, """replace(body, 'ev', 'eV')""")
        assert journal.chain_at("event", log, 5) is None


def test_the_lock_file_is_left_alone_by_a_copy(shelf, tmp_path):
    """A journal copied elsewhere opens there, as a card moved to another unit does."""
    written = shelf.fill()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(shelf.path, other)
    journal = shelf.open(Path(other, "journal.db"))
    assert read_around(journal)[0] == written
