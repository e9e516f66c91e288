"""The journal: append, read, chain, acknowledge, prune, segments, settings, and what each of it costs."""

import shutil
import sqlite3
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.journal.errors import JournalBusy, JournalFull
from device.journal.format import WRITES
from device.journal.journal import Journal
from device.journal.layout import APPLICATION_ID
from device.journal.pruning import PRUNE_AT_ONCE
from wire.chain import START

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000
ALL = {"max_count": 1_000, "max_bytes": 1 << 20}


@pytest.fixture
def fault(journal, monkeypatch):
    """Makes every commit fail as a full disk does, until it is called with False."""
    storage = journal._db.storage
    real = type(storage).transaction

    def switch(on=True):
        def failing(durable=True):
            return Failing(real(storage, durable))

        if on:
            monkeypatch.setattr(storage, "transaction", failing)
        else:
            monkeypatch.undo()

    return switch


class Failing:
    def __init__(self, real):
        self._real = real

    def __enter__(self):
        return self._real.__enter__()

    def __exit__(self, *how):
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorname = "SQLITE_FULL"
        self._real.__exit__(type(full), full, None)
        raise full


class TestAppend:
    def test_records_are_numbered_from_one_and_chained(self, journal, chained):
        for n in range(5):
            raw = b'{"n":%d}' % n
            entry = journal.append("event", raw)
            assert entry.seq == n + 1
            assert entry.stream == "event"
        rows = [(seq, h, raw) for _, seq, h, raw in journal.iterate("event")]
        assert len(rows) == 5
        assert chained(rows)
        assert entry.h == rows[-1][1]

    def test_the_bytes_come_back_as_they_were(self, journal, log_of):
        raws = [
            b"{}",
            '{"村":"巡控 \\u0000 😀"}'.encode(),
            b'{"a" :  1.50 }',
            b'"\\""',
            b"\x00 nul",
        ]
        for raw in raws:
            journal.append("event", raw)
        piece = journal.read("event", log_of(journal), 1, **ALL)
        assert piece.raws == tuple(raws)
        assert (piece.first, piece.prev) == (1, START)

    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
    def test_any_text_comes_back_as_it_was(self, tmp_path_factory, texts):
        journal = Journal.open(tmp_path_factory.mktemp("any") / "j.db")
        for text in texts:
            journal.append("event", text.encode())
        kept = [raw.decode() for _, _, _, raw in journal.iterate("event")]
        journal.close()
        assert kept == texts

    def test_what_is_not_utf8_is_refused_and_leaves_no_gap(self, journal):
        with pytest.raises(ValueError, match="utf-8"):
            journal.append("event", b"\xff\xfe")
        assert journal.append("event", b"{}").seq == 1

    def test_the_streams_have_logs_and_numbers_of_their_own(self, journal, log_of):
        assert journal.append("event", b"{}").seq == 1
        assert journal.append("track", b"{}").seq == 1
        assert log_of(journal, "event") != log_of(journal, "track")

    def test_an_event_is_durable_on_return(self, journal):
        journal.append("event", b"{}")
        assert journal.logs("event")[-1].durable_last == 1

    def test_after_a_full_disk_the_same_number_is_given_and_the_chain_holds(
        self, journal, fault, chained
    ):
        journal.append("event", b'{"n":1}')
        fault()
        with pytest.raises(JournalFull, match="no room"):
            journal.append("event", b'{"n":2}')
        fault(False)
        assert journal.logs("event")[-1].last == 1
        assert journal.append("event", b'{"n":3}').seq == 2
        rows = [(seq, h, raw) for _, seq, h, raw in journal.iterate("event")]
        assert [raw for _, _, raw in rows] == [b'{"n":1}', b'{"n":3}']
        assert chained(rows)


class TestDurability:
    def test_positions_are_not_read_before_they_are_synced(self, journal, log_of):
        log = log_of(journal, "track")
        journal.append("track", b'{"n":1}')
        assert journal.read("track", log, 1, **ALL) is None
        assert journal.logs("track")[-1].durable_last == 0
        journal.sync()
        assert journal.read("track", log, 1, **ALL).raws == (b'{"n":1}',)

    def test_an_event_brings_the_positions_before_it_onto_the_medium(self, journal, log_of):
        journal.append("track", b'{"n":1}')
        journal.append("event", b"{}")
        journal.append("track", b'{"n":2}')
        piece = journal.read("track", log_of(journal, "track"), 1, **ALL)
        assert piece.raws == (b'{"n":1}',)

    @pytest.mark.parametrize(
        ("do", "level"),
        [
            (lambda j: j.append("event", b"{}"), "FULL"),
            (lambda j: j.append("track", b"{}"), "NORMAL"),
            (lambda j: j.append_segment(b"{}"), "NORMAL"),
            (lambda j: j.keep_fix(b"{}"), "NORMAL"),
            (lambda j: j.put_setting("a", {}), "FULL"),
            (lambda j: j.new_log("event"), "FULL"),
        ],
    )
    def test_what_must_be_on_the_medium_is_committed_with_full(self, journal, do, level):
        journal.append("event" if level == "NORMAL" else "track", b"{}")
        run = []
        journal._db.storage.connection.set_trace_callback(run.append)
        do(journal)
        assert f"PRAGMA synchronous = {level}" in run
        assert run.index(f"PRAGMA synchronous = {level}") < run.index("BEGIN IMMEDIATE")
        assert run[-1] == "COMMIT"

    @pytest.mark.parametrize("spoil", ["DELETE FROM syncs", "UPDATE syncs SET n = 'x'"])
    def test_sync_writes_something_whatever_became_of_its_row(self, journal, spoil):
        journal._run(spoil)
        journal.append("track", b"{}")
        connection = journal._db.storage.connection
        before = connection.total_changes
        journal.sync()
        assert connection.total_changes > before
        assert journal.logs("track")[-1].durable_last == 1

    def test_sync_writes_only_where_something_waits(self, journal):
        journal.append("track", b"{}")
        journal.sync()
        run = []
        journal._db.storage.connection.set_trace_callback(run.append)
        journal.sync()
        assert run == []

    def test_what_a_killed_run_had_written_is_durable_and_read_in_the_next(
        self, shelf, log_of, tmp_path
    ):
        first = shelf.open()
        first.append("track", b'{"n":1}')
        log = log_of(first, "track")
        for suffix in ("", "-wal"):
            shutil.copy(f"{shelf.path}{suffix}", tmp_path / f"left.db{suffix}")
        again = shelf.open(tmp_path / "left.db")
        assert again.logs("track")[-1].durable_last == 1
        assert again.read("track", log, 1, **ALL).raws == (b'{"n":1}',)


class TestSegments:
    def test_fixes_are_kept_in_order_until_the_segment_is_appended(self, journal):
        fixes = [b'{"n":%d}' % n for n in range(70)]
        for fix in fixes:
            journal.keep_fix(fix)
        assert journal.open_fixes() == fixes
        entry = journal.append_segment(b'{"segment":1}')
        assert (entry.stream, entry.seq) == ("track", 1)
        assert journal.open_fixes() == []

    def test_both_or_neither(self, journal, fault):
        journal.keep_fix(b"{}")
        fault()
        with pytest.raises(JournalFull):
            journal.append_segment(b'{"segment":1}')
        fault(False)
        assert journal.open_fixes() == [b"{}"]
        assert journal.logs("track")[-1].last == 0

    def test_fixes_outlive_the_run(self, shelf):
        first = shelf.open()
        first.keep_fix(b'{"n":1}')
        first.close()
        assert shelf.open().open_fixes() == [b'{"n":1}']

    def test_a_fix_that_cannot_be_read_is_left_out(self, journal):
        for n in range(3):
            journal.keep_fix(b'{"n":%d}' % n)
        journal._run("""UPDATE "doc:open" SET body = '{"raw' WHERE doc_id = 2""")
        assert journal.open_fixes() == [b'{"n":0}', b'{"n":2}']


class TestRead:
    @pytest.fixture
    def filled(self, journal):
        for n in range(1, 11):
            journal.append("event", b"%02d" % n)
        return journal

    def test_bounded_by_count_and_by_bytes_but_at_least_one(self, filled, log_of):
        log = log_of(filled)
        assert len(filled.read("event", log, 1, max_count=3, max_bytes=999).raws) == 3
        assert len(filled.read("event", log, 1, max_count=99, max_bytes=7).raws) == 3
        assert len(filled.read("event", log, 1, max_count=99, max_bytes=6).raws) == 3
        assert filled.read("event", log, 1, max_count=99, max_bytes=1).raws == (b"01",)

    def test_from_the_middle_with_the_chains_value_before_it(self, filled, log_of):
        log = log_of(filled)
        piece = filled.read("event", log, 6, **ALL)
        assert piece.raws[0] == b"06"
        assert piece.first == 6
        assert piece.prev == filled.chain_at("event", log, 5)
        h = piece.prev
        for raw in piece.raws:
            h = sha256(h + raw).digest()
        assert h == filled.chain_at("event", log, 10)

    def test_none_past_the_end(self, filled, log_of):
        assert filled.read("event", log_of(filled), 11, **ALL) is None

    def test_stops_before_a_gap_and_goes_on_after_it(self, filled, log_of):
        log = log_of(filled)
        filled._run(f"""DELETE FROM "doc:event:{log}" WHERE doc_id IN (4, 5)""")
        assert len(filled.read("event", log, 1, **ALL).raws) == 3
        piece = filled.read("event", log, 4, **ALL)
        assert (piece.first, len(piece.raws)) == (6, 5)

    def test_recent_gives_the_newest_first(self, filled):
        assert filled.recent("event", 3) == [(10, b"10"), (9, b"09"), (8, b"08")]

    def test_chain_at_is_known_for_what_is_kept_and_at_both_ends(self, filled, log_of):
        log = log_of(filled)
        assert filled.chain_at("event", log, 0) == START
        assert filled.chain_at("event", log, 10) == filled.logs("event")[-1].h
        assert filled.chain_at("event", log, 11) is None
        assert filled.chain_at("event", "0" * 16, 3) is None
        filled._run(f"""DELETE FROM "doc:event:{log}" WHERE doc_id <= 4""")
        assert filled.chain_at("event", log, 3) is None
        by_follower = filled.chain_at("event", log, 4)
        assert by_follower == filled.read("event", log, 5, **ALL).prev


class TestLogs:
    def test_a_new_log_seals_the_one_before(self, journal, log_of):
        journal.append("event", b'{"n":1}')
        before = log_of(journal)
        begun = journal.new_log("event")
        assert [(s.log, s.sealed, s.last) for s in journal.logs("event")] == [
            (before, True, 1),
            (begun, False, 0),
        ]
        assert journal.append("event", b'{"n":2}').log == begun
        assert journal.read("event", before, 1, **ALL).raws == (b'{"n":1}',)

    def test_the_order_of_logs_outlives_the_run(self, shelf):
        first = shelf.open()
        names = [first.logs("event")[0].log] + [first.new_log("event") for _ in range(5)]
        first.close()
        assert [s.log for s in shelf.open().logs("event")] == names

    def test_a_log_that_could_not_be_begun_leaves_the_old_one_in_use(self, journal, fault, log_of):
        journal.append("event", b'{"n":1}')
        before = log_of(journal)
        fault()
        with pytest.raises(JournalFull):
            journal.new_log("event")
        fault(False)
        entry = journal.append("event", b'{"n":2}')
        assert (entry.log, entry.seq) == (before, 2)
        assert not journal.logs("event")[-1].sealed

    def test_the_next_run_goes_on_in_the_same_log(self, shelf, chained):
        first = shelf.open()
        first.append("event", b'{"n":1}')
        name = first.logs("event")[-1].log
        first.close()
        second = shelf.open()
        entry = second.append("event", b'{"n":2}')
        assert (entry.log, entry.seq) == (name, 2)
        assert chained([(seq, h, raw) for _, seq, h, raw in second.iterate("event")])
        assert second.opening.kind == "existing"

    def test_the_file_says_what_it_is(self, shelf):
        shelf.open().close()
        with sqlite3.connect(shelf.path) as plain:
            assert plain.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
            assert plain.execute("PRAGMA user_version").fetchone() == (WRITES,)
        plain.close()


class TestAcknowledgeAndPrune:
    def fill(self, journal, count):
        with journal._db.transaction(durable=False):
            for n in range(count):
                journal.append("event", b"%d" % n)
        return journal.logs("event")[-1].log

    def test_an_acknowledgement_outlives_the_run(self, shelf):
        first = shelf.open()
        log = self.fill(first, 5)
        first.acknowledge("event", log, 4, "store-1")
        first.close()
        state = shelf.open().logs("event")[-1]
        assert (state.next, state.store, state.oldest) == (4, "store-1", 1)

    def test_an_acknowledgement_that_could_not_be_kept_is_as_if_never_made(self, journal, fault):
        log = self.fill(journal, 5)
        fault()
        with pytest.raises(JournalFull):
            journal.acknowledge("event", log, 4, "store-1")
        state = journal.logs("event")[-1]
        assert (state.next, state.store) == (1, None)

    def test_what_is_acknowledged_long_enough_goes_and_the_rest_stays(self, journal, chained):
        log = self.fill(journal, 10)
        journal.acknowledge("event", log, 5, "s")
        assert journal.prune(NOW_MS, 7) == 0
        journal.acknowledge("event", log, 9, "s")
        assert journal.prune(NOW_MS + DAY_MS, 7) == 0
        assert journal.prune(NOW_MS + 7 * DAY_MS - 1, 7) == 0
        assert journal.prune(NOW_MS + 7 * DAY_MS, 7) == 4
        assert journal.logs("event")[-1].oldest == 5
        assert journal.read("event", log, 1, **ALL).first == 5
        assert journal.prune(NOW_MS + 8 * DAY_MS, 7) == 4
        assert journal.prune(NOW_MS + 80 * DAY_MS, 7) == 0
        assert [seq for _, seq, _, _ in journal.iterate("event")] == [9, 10]

    def test_nothing_goes_that_was_not_acknowledged(self, journal):
        self.fill(journal, 10)
        assert journal.prune(NOW_MS, 0) == 0
        assert journal.prune(NOW_MS + 1000 * DAY_MS, 0) == 0

    def test_without_a_date_nothing_is_marked_and_nothing_goes(self, journal):
        log = self.fill(journal, 10)
        journal.acknowledge("event", log, 11, "s")
        assert journal.prune(None, 0) == 0
        assert journal._run("SELECT count(*) FROM marks").fetchone() == (0,)

    def test_a_withdrawn_acknowledgement_holds_back_what_was_marked(self, journal):
        log = self.fill(journal, 10)
        journal.acknowledge("event", log, 11, "s")
        journal.prune(NOW_MS, 7)
        journal.acknowledge("event", log, 3, "another store")
        assert journal.prune(NOW_MS + 8 * DAY_MS, 7) == 2

    def test_a_bounded_number_at_a_call(self, journal):
        log = self.fill(journal, PRUNE_AT_ONCE + 500)
        journal.acknowledge("event", log, PRUNE_AT_ONCE + 501, "s")
        journal.prune(NOW_MS, 1)
        later = NOW_MS + 2 * DAY_MS
        assert [journal.prune(later, 1) for _ in range(3)] == [PRUNE_AT_ONCE, 500, 0]
        state = journal.logs("event")[-1]
        assert (state.oldest, state.last) == (PRUNE_AT_ONCE + 501, PRUNE_AT_ONCE + 500)
        assert journal.append("event", b"{}").seq == PRUNE_AT_ONCE + 501

    def test_the_chain_goes_on_over_what_was_pruned(self, shelf):
        first = shelf.open()
        log = self.fill(first, 6)
        h = first.logs("event")[-1].h
        first.acknowledge("event", log, 7, "s")
        first.prune(NOW_MS, 0)
        assert list(first.iterate("event")) == []
        first.close()
        second = shelf.open()
        assert second.append("event", b"{}").h == sha256(h + b"{}").digest()

    def test_what_could_not_be_pruned_is_still_told_of(self, journal, fault):
        log = self.fill(journal, 6)
        journal.acknowledge("event", log, 7, "s")
        journal.prune(NOW_MS, 1)
        fault()
        with pytest.raises(JournalFull):
            journal.prune(NOW_MS + 2 * DAY_MS, 1)
        fault(False)
        assert journal.logs("event")[-1].oldest == 1
        assert journal.prune(NOW_MS + 2 * DAY_MS, 1) == 6


class TestSettings:
    def test_a_setting_is_kept_and_replaced(self, shelf):
        first = shelf.open()
        assert first.get_setting("config") is None
        first.put_setting("config", {"version": 1, "名": "村"})
        first.put_setting("config", {"version": 2})
        first.close()
        assert shelf.open().get_setting("config") == {"version": 2}


class TestOwnership:
    def test_a_second_owner_is_refused(self, shelf):
        shelf.open()
        with pytest.raises(JournalBusy, match="stop that first"):
            shelf.open()

    def test_a_second_process_is_refused_and_told_why(self, shelf, child):
        shelf.open()
        program = (
            "import sys; from pathlib import Path; from device.journal.journal import Journal\n"
            "from device.journal.errors import JournalBusy\n"
            "try: Journal.open(Path(sys.argv[1]))\n"
            "except JournalBusy as exc: print(exc.words.zh)\n"
        )
        said, _ = child(program, shelf.path).communicate(timeout=30)
        assert "请先停止它" in said
        assert str(shelf.path) in said

    def test_closing_lets_the_next_one_in(self, shelf):
        shelf.open().close()
        assert shelf.open().append("event", b"{}").seq == 1

    def test_read_only_reads_beside_the_owner_and_changes_nothing(self, shelf, journal):
        journal.append("event", b'{"n":1}')
        reader = shelf.open(read_only=True)
        assert [raw for _, _, _, raw in reader.iterate("event")] == [b'{"n":1}']
        assert journal.append("event", b'{"n":2}').seq == 2
        assert len(list(reader.iterate("event"))) == 1

    def test_read_only_opens_at_any_moment_of_a_writers_work(self, shelf, child):
        program = (
            "import sys; from pathlib import Path; from device.journal.journal import Journal\n"
            "journal = Journal.open(Path(sys.argv[1])); print('open', flush=True)\n"
            "while True: journal.append('track', b'{}')\n"
        )
        writer = child(program, shelf.path)
        assert writer.stdout.readline() == "open\n"
        seen = []
        for _ in range(300):
            reader = Journal.open(shelf.path, read_only=True)
            (state,) = reader.logs("track")
            seen.append(state.last)
            assert [seq for seq, _ in reader.recent("track", 1)] == [state.last][: state.last]
            reader.close()
        assert seen == sorted(seen)
        assert seen[-1] > seen[0]


def steps(journal, do):
    connection, counted = journal._db.storage.connection, [0]

    def step():
        counted[0] += 1

    connection.set_progress_handler(step, 1)
    do()
    connection.set_progress_handler(None, 1)
    return counted[0]


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """By backlog: the steps of each kind of call."""
    found = {}
    for backlog in (1_000, 100_000):
        journal = Journal.open(tmp_path_factory.mktemp("cost") / "journal.db")
        with journal._db.transaction(durable=False):
            for n in range(backlog):
                journal.append("event", b'{"n":%d}' % n)
        log = journal.logs("event")[-1].log
        middle = backlog // 2
        journal.acknowledge("event", log, 101, "s")
        journal.prune(NOW_MS, 1)
        found[backlog] = {
            name: steps(journal, do)
            for name, do in {
                "append": lambda j=journal: j.append("event", b"{}"),
                "append a position": lambda j=journal: j.append("track", b"{}"),
                "acknowledge": lambda j=journal, a=log: j.acknowledge("event", a, 200, "s"),
                "read": lambda j=journal, a=log, m=middle: j.read(
                    "event", a, m, max_count=100, max_bytes=1 << 20
                ),
                "chain_at": lambda j=journal, a=log, m=middle: j.chain_at("event", a, m),
                "recent": lambda j=journal: j.recent("event", 50),
                "prune 100": lambda j=journal: j.prune(NOW_MS + 2 * DAY_MS, 1),
                "prune none": lambda j=journal: j.prune(NOW_MS + 2 * DAY_MS, 1),
            }.items()
        }
        assert journal.logs("event")[-1].oldest == 101
        journal.close()
    return found


class TestCost:
    """SQLite's own count of steps: what one call costs does not grow with the backlog."""

    @pytest.mark.parametrize(
        "name",
        [
            "append",
            "append a position",
            "acknowledge",
            "read",
            "chain_at",
            "recent",
            "prune 100",
            "prune none",
        ],
    )
    def test_the_same_at_a_thousand_and_at_a_hundred_thousand(self, costs, name):
        few, many = costs[1_000][name], costs[100_000][name]
        assert few > 0
        assert many / few < 1.5
