"""The journal's budget on real journals: what goes when, that all is declared, and that the file obeys."""

import itertools
import random
import subprocess
import sys
from math import cos, radians
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from device.core.thinning import every_of
from device.journal.inspect import verify
from device.journal.journal import Journal
from device.journal.tinydb_sqlite import WAL_KEPT_BYTES
from device.room import Limits, make_room
from wire.batch import decode_record, encode_record
from wire.records import Alarm, Dropped, Track
from wire.track import TrackFix, columns, unfold

T0 = 1_763_890_000_000
STAMP = {"boot": "9c1b22f0", "at_ms": T0, "clock": "gnss", "clock_err_ms": 20}
HEAD = Dropped(up_ms=7, stream="track", log="0" * 16, first=1, last=1, h_last=None, why="", **STAMP)
AMPLE = 1 << 40


def a_segment(number, rng):
    """60 fixes of a drive through streets."""
    fixes, lat, lon = [], 27.2 + number / 1_000, 111.4
    for n in range(60):
        at_ms = T0 + (number * 60 + n) * 1_000
        lat += rng.uniform(5, 12) / 111_320
        lon += rng.uniform(-3, 3) / (111_320 * cos(radians(lat)))
        fixes.append(TrackFix(at_ms, at_ms - T0, round(lat, 7), round(lon, 7), 8.3, 1.5, 2.1, 9))
    first = fixes[0]
    record = Track(
        up_ms=fixes[-1].up_ms, t0_ms=first.at_ms, up0_ms=first.up_ms, **STAMP, **columns(fixes)
    )
    return encode_record(record)


def an_alarm(number):
    return encode_record(Alarm(up_ms=number, alarm="power", what="x" * 300, **STAMP))


def fill(journal, events, tracks, seed=1):
    rng = random.Random(seed)
    for number in range(max(events, tracks)):
        if number < tracks:
            journal.append("track", a_segment(number, rng))
        if number < events:
            journal.append("event", an_alarm(number))
    journal.sync()


class Shelf:
    """One journal, and what steps were taken in it."""

    def __init__(self, folder):
        self.path = folder / "journal.db"
        self.journal = Journal.open(self.path)
        self.steps = []

    def reopen(self):
        self.journal.close()
        self.journal = Journal.open(self.path)

    def live(self):
        return self.journal.usage().live_bytes

    def make_room(self, live_bytes, free_bytes=AMPLE, floor=0, most=10_000):
        """Steps until nothing is left to do."""
        limits = Limits(live_bytes + WAL_KEPT_BYTES, floor)
        for _ in range(most):
            free = free_bytes() if callable(free_bytes) else free_bytes
            made = make_room(self.journal, limits, HEAD, lambda path, free=free: free)
            self.steps.append(made)
            if not made.more:
                return
        raise AssertionError("never done")

    def order(self):
        """What the steps took, in order, each once."""
        return [how for how, _ in itertools.groupby(made.how for made in self.steps)]

    def kept(self, stream):
        """(log, number, record) of what is kept."""
        return [(log, seq, decode_record(raw)) for log, seq, _, raw in self.journal.iterate(stream)]

    def dropped(self):
        return [r for *_, r in self.kept("event") if isinstance(r, Dropped)]

    def undeclared(self, before):
        """Records of `before` (stream, log, number) that are neither kept nor declared gone."""
        there = {(s, log, seq) for s in ("event", "track") for log, seq, _ in self.kept(s)}
        gone = {
            (d.stream, d.log, seq) for d in self.dropped() for seq in range(d.first, d.last + 1)
        }
        return set(before) - there - gone

    def all(self):
        return [(s, log, seq) for s in ("event", "track") for log, seq, _ in self.kept(s)]


@pytest.fixture
def shelf(tmp_path):
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.journal.close()


class TestOrder:
    def test_nothing_is_done_within_the_budget(self, shelf):
        fill(shelf.journal, 50, 50)
        before = shelf.all()
        shelf.make_room(shelf.live())
        assert (shelf.order(), shelf.all()) == (["nothing"], before)

    def test_what_the_gateway_has_goes_first_and_needs_no_word(self, shelf):
        fill(shelf.journal, 400, 400)
        for stream in ("event", "track"):
            log = shelf.journal.logs(stream)[-1].log
            shelf.journal.acknowledge(stream, log, 301, "store-1")
        shelf.make_room(shelf.live() * 0.6)
        assert shelf.order() == ["acknowledged", "nothing"]
        assert shelf.dropped() == []
        assert [seq for _, seq, _ in shelf.kept("track")] == list(range(301, 401))
        assert len(shelf.kept("event")) == 400, "tracks were enough"

    def test_then_tracks_are_thinned_the_oldest_first_and_no_event_goes(self, shelf):
        fill(shelf.journal, 100, 400)
        before = shelf.all()
        shelf.make_room(shelf.live() * 0.8)
        assert shelf.order() == ["thinned", "nothing"]
        tracks = shelf.kept("track")
        untouched = [seq for _, seq, r in tracks if r.replaces is None]
        assert untouched == list(range(untouched[0], 401))
        thin = [r for *_, r in tracks if r.replaces]
        assert {every_of(r) for r in thin} == {2}
        assert len([r for *_, r in shelf.kept("event") if isinstance(r, Alarm)]) == 100
        assert shelf.undeclared(before) == set()

    def test_then_the_oldest_thinned_go_and_events_last_of_all(self, shelf):
        fill(shelf.journal, 600, 200)
        before = shelf.all()
        shelf.make_room(shelf.live() * 0.25)
        assert shelf.order() == ["thinned", "tracks", "events", "nothing"]
        assert shelf.kept("track") == []
        assert shelf.undeclared(before) == set()
        alarms = [r.up_ms for *_, r in shelf.kept("event") if isinstance(r, Alarm)]
        assert alarms == list(range(alarms[0], 600))
        assert list(verify(shelf.journal)) == []

    def test_the_newest_events_stay_whatever_the_budget(self, shelf):
        fill(shelf.journal, 600, 0)
        shelf.make_room(1)
        newest = [r.up_ms for *_, r in shelf.kept("event") if isinstance(r, Alarm)]
        assert newest[-90:] == list(range(510, 600))
        assert len(shelf.kept("event")) < 110

    def test_a_full_disk_costs_no_event(self, shelf):
        fill(shelf.journal, 300, 100)
        shelf.make_room(AMPLE, free_bytes=0, floor=1 << 30)
        assert shelf.order() == ["thinned", "tracks", "nothing"]
        alarms = [r for *_, r in shelf.kept("event") if isinstance(r, Alarm)]
        assert len(alarms) == 300


class TestDeclarations:
    def test_say_which_span_in_number_and_time_what_follows_and_what_is_left(self, shelf):
        fill(shelf.journal, 0, 40)
        log = shelf.journal.logs("track")[-1].log
        joins = shelf.journal.chain_at("track", log, 16)
        made = make_room(
            shelf.journal, Limits(shelf.live() - 1 + WAL_KEPT_BYTES, 0), HEAD, lambda path: AMPLE
        )
        (_, dropped), *tracks = made.appended
        assert (dropped.stream, dropped.log, dropped.first, dropped.last) == ("track", log, 1, 16)
        assert dropped.h_last == joins.hex()
        assert (dropped.from_ms, dropped.to_ms) == (T0, T0 + (16 * 60 - 1) * 1_000)
        left = [fix for _, track in tracks for fix in unfold(track)]
        assert f"{len(left)} of 960 positions" in dropped.why
        assert (made.how, made.log, made.oldest) == ("thinned", log, 17)
        assert [entry.seq for entry, _ in tracks] == list(range(41, 41 + len(tracks)))

    def test_outlive_the_events_that_bore_them_and_become_one(self, shelf):
        fill(shelf.journal, 0, 100)
        shelf.make_room(1)
        fill(shelf.journal, 1_500, 0)
        shelf.make_room(shelf.live() * 0.5)
        assert shelf.order()[-2] == "events"
        of_tracks = [d for d in shelf.dropped() if d.stream == "track"]
        assert len(of_tracks) == 1
        assert of_tracks[0].first == 1
        assert of_tracks[0].last == shelf.journal.logs("track")[-1].last

    @pytest.mark.parametrize("odd", ["newer", "columns"])
    def test_a_track_that_nobody_can_read_goes_as_a_whole(self, shelf, odd):
        whole = decode_record(a_segment(1, random.Random(1)))
        raw = encode_record(structs.replace(whole, lat_e7=[1]))
        shelf.journal.append("track", b'{"kind":"track"}' if odd == "newer" else raw)
        fill(shelf.journal, 0, 40)
        shelf.make_room(shelf.live() - 1)
        assert shelf.steps[0].how == "tracks"
        assert (shelf.dropped()[0].first, shelf.dropped()[0].last) == (1, 1)

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.integers(0, 400),
        st.integers(0, 200),
        st.floats(0.1, 1.0),
        st.integers(0, 2**32),
        st.integers(0, 200),
    )
    def test_chains_join_and_declared_spans_are_exact_whatever_goes(
        self, tmp_path_factory, events, tracks, share, seed, acked
    ):
        shelf = Shelf(tmp_path_factory.mktemp("room"))
        fill(shelf.journal, events, tracks, seed)
        log = shelf.journal.logs("track")[-1].log
        shelf.journal.acknowledge("track", log, min(acked, tracks) + 1, "store-1")
        before = [one for one in shelf.all() if one[0] == "event" or one[2] > acked]
        shelf.make_room(shelf.live() * share)
        assert shelf.undeclared(before) == set()
        kept, dropped = {one[1:] for one in shelf.all()}, shelf.dropped()
        for one in dropped:
            assert not any((one.log, seq) in kept for seq in range(one.first, one.last + 1))
            follows = shelf.journal.chain_at(one.stream, one.log, one.last)
            assert follows is None or follows.hex() == one.h_last
        assert list(verify(shelf.journal)) == []
        shelf.reopen()
        assert list(verify(shelf.journal)) == []
        shelf.journal.close()


class TestTheFile:
    def test_shrinks_to_its_budget(self, shelf):
        fill(shelf.journal, 100, 600)
        shelf.reopen()
        long_before = shelf.path.stat().st_size
        budget = long_before * 0.5
        shelf.make_room(budget)
        shelf.reopen()
        assert shelf.path.stat().st_size <= budget

    def test_stays_within_it_while_more_comes(self, shelf):
        budget, rng = 400_000, random.Random(4)
        for number in range(1_500):
            shelf.journal.append("track", a_segment(number, rng))
            if number % 50 == 49:
                shelf.journal.sync()
                shelf.make_room(budget)
        usage = shelf.journal.usage()
        assert usage.live_bytes <= usage.file_bytes <= budget
        assert usage.wal_bytes <= 2 * WAL_KEPT_BYTES
        assert {every_of(r) for *_, r in shelf.kept("track")} >= {1, 2, 4}
        assert shelf.steps[-1].how == "nothing"

    def test_one_begun_without_a_budget_stays_as_long_and_is_used_again(self, shelf):
        shelf.journal.close()
        for name in shelf.path.parent.glob("journal.db*"):
            name.unlink()
        subprocess.run([sys.executable, "-c", _OLD, shelf.path], check=True)
        shelf.journal = Journal.open(shelf.path)
        fill(shelf.journal, 0, 200)
        shelf.make_room(shelf.live() * 0.5)
        usage = shelf.journal.usage()
        assert usage.live_bytes < usage.file_bytes / 1.9
        fill(shelf.journal, 0, 50)
        assert shelf.journal.usage().file_bytes == usage.file_bytes

    def test_shortens_as_the_disk_fills_with_what_is_not_ours(self, shelf):
        fill(shelf.journal, 0, 300)
        whole = shelf.journal.usage().file_bytes
        free = lambda: whole - shelf.journal.usage().file_bytes  # noqa: E731
        shelf.make_room(AMPLE, free_bytes=free, floor=whole // 4)
        assert shelf.journal.usage().file_bytes <= whole


_OLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE syncs (n INTEGER NOT NULL)")
db.commit()
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from device.journal.journal import Journal
from tests.device.test_room import HEAD, Limits, WAL_KEPT_BYTES, make_room

left = int(sys.argv[3])

def reached(point):
    global left
    left -= point == sys.argv[2]
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

journal = Journal.open(Path(sys.argv[1]), reached=reached)
limits = Limits(journal.usage().live_bytes // 6 + WAL_KEPT_BYTES, 0)
while make_room(journal, limits, HEAD, lambda path: 1 << 40).more:
    pass
"""


class TestAKill:
    @pytest.mark.parametrize(
        "point", ["journal.replace.before_fsync", "journal.replace.after_fsync"]
    )
    @pytest.mark.parametrize("nth", [1, 2, 12, 24])
    def test_at_any_step_loses_nothing_undeclared(self, shelf, point, nth):
        fill(shelf.journal, 400, 200)
        before = shelf.all()
        shelf.journal.close()
        program = [sys.executable, "-c", KILLED, shelf.path, point, str(nth)]
        done = subprocess.run(program, cwd=Path(__file__).parents[2], check=False, timeout=60)
        assert done.returncode == -9
        shelf.journal = Journal.open(shelf.path)
        assert shelf.undeclared(before) == set()
        assert list(verify(shelf.journal)) == []
        shelf.make_room(shelf.live() * 0.5)
        assert shelf.undeclared(before) == set()
        assert list(verify(shelf.journal)) == []
