"""A journal whose process is killed: what was told of is there, in chain, and nothing is half done."""

import random
import signal

import pytest

AT_A_POINT = """
import os, signal, sys
from pathlib import Path
from device.journal.journal import Journal

path, stream, point, nth = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
met = 0

def reached(name):
    global met
    met += name == point
    if met == nth:
        os.kill(os.getpid(), signal.SIGKILL)

journal = Journal.open(path, reached=reached)
journal.keep_fix(b'{"open":true}')
for n in range(1, 100):
    raw = b'{"n":%d}' % n
    if stream == "segment":
        entry = journal.append_segment(raw)
        journal.keep_fix(b'{"open":%d}' % n)
    else:
        entry = journal.append(stream, raw)
    print(entry.seq, flush=True)
"""

WRITER = """
import sys
from pathlib import Path
from device.journal.journal import Journal

journal = Journal.open(Path(sys.argv[1]))
log = journal.logs("event")[-1].log
n = 0
while True:
    n += 1
    entry = journal.append("event", b'{"n":%d,"text":"%s"}' % (n, b"x" * (n % 900)))
    print("event", entry.log, entry.seq, flush=True)
    journal.keep_fix(b'{"n":%d}' % n)
    if n % 5 == 0:
        entry = journal.append_segment(b'{"segment":%d}' % n)
        print("track", entry.log, entry.seq, flush=True)
    if n % 7 == 0:
        journal.acknowledge("event", log, n - 3, "store-1")
        journal.prune(n, 0.0)
    if n % 11 == 0:
        journal.put_setting("config", {"n": n})
        print("setting", "-", n, flush=True)
"""


class TestAtAPoint:
    NTH = 4

    def kill(self, shelf, child, stream, point):
        process = child(AT_A_POINT, shelf.path, stream, f"journal.append.{point}", self.NTH)
        said = process.stdout.read()
        assert process.wait(30) == -signal.SIGKILL
        assert said.split() == ["1", "2", "3"]
        return shelf.open()

    @pytest.mark.parametrize("stream", ["event", "track"])
    def test_before_the_commit_the_record_was_never_there(self, shelf, child, chained, stream):
        journal = self.kill(shelf, child, stream, "before_fsync")
        rows = [(seq, h, raw) for _, seq, h, raw in journal.iterate(stream)]
        assert [raw for *_, raw in rows] == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
        assert chained(rows)
        assert journal.append(stream, b"{}").seq == 4

    @pytest.mark.parametrize("stream", ["event", "track"])
    def test_after_the_commit_it_is_there_though_nobody_was_told(
        self, shelf, child, chained, stream
    ):
        journal = self.kill(shelf, child, stream, "after_fsync")
        rows = [(seq, h, raw) for _, seq, h, raw in journal.iterate(stream)]
        assert [seq for seq, *_ in rows] == [1, 2, 3, 4]
        assert chained(rows)
        assert journal.append(stream, b"{}").seq == 5

    def test_a_segment_and_its_fixes_are_of_one_mind(self, shelf, child):
        journal = self.kill(shelf, child, "segment", "before_fsync")
        assert journal.logs("track")[-1].last == 3
        assert journal.open_fixes() == [b'{"open":3}']

    def test_a_segment_that_was_kept_has_left_no_fixes(self, shelf, child):
        journal = self.kill(shelf, child, "segment", "after_fsync")
        assert journal.logs("track")[-1].last == 4
        assert journal.open_fixes() == []


SEALING = """
import os, signal, sys
from pathlib import Path
from device.journal.journal import Journal

def reached(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

journal = Journal.open(Path(sys.argv[1]), reached=reached)
log = journal.logs("event")[-1].log
journal._run(f"UPDATE \\"doc:event:{log}\\" SET body = '{{' WHERE doc_id = 3")
journal.seal_rotten("event", log, 3, b'{"dropped":3}')
"""


class TestSealing:
    @pytest.mark.parametrize("point", ["before_fsync", "after_fsync"])
    def test_a_rotten_row_is_declared_and_out_of_the_way_or_neither(self, shelf, child, point):
        shelf.fill(events=5, tracks=0)
        process = child(SEALING, shelf.path, f"journal.seal.{point}")
        process.stdout.read()
        assert process.wait(30) == -signal.SIGKILL
        journal = shelf.open()
        rotten = []
        told = [(log, raw) for log, _, _, raw in journal.iterate("event", rotten)]
        begun = journal.logs("event")[-1]
        if point == "before_fsync":
            assert ([row.seq for row in rotten], len(told)) == ([3], 4)
            assert len(journal.logs("event")) == 1
        else:
            assert (rotten, told[-1]) == ([], (begun.log, b'{"dropped":3}'))
            assert [one.sealed for one in journal.logs("event")] == [True, False]


class TestAtAnyMoment:
    @pytest.mark.parametrize("seed", range(20))
    def test_everything_told_of_is_there_in_chain(self, shelf, child, seed):
        process = child(WRITER, shelf.path)
        told = [
            process.stdout.readline().split() for _ in range(random.Random(seed).randint(1, 400))
        ]
        process.kill()
        whole_lines = process.stdout.read().split("\n")[:-1]
        told += [line.split() for line in whole_lines]
        assert process.wait(30) == -signal.SIGKILL
        journal = shelf.open()
        for stream in ("event", "track"):
            (state,) = journal.logs(stream)
            numbers = [int(seq) for kind, _, seq in told if kind == stream]
            assert {log for kind, log, _ in told if kind == stream} <= {state.log}
            assert numbers == list(range(1, len(numbers) + 1))
            assert state.last in (len(numbers), len(numbers) + 1)
            kept = list(journal.iterate(stream))
            assert [seq for _, seq, _, _ in kept] == list(range(state.oldest, state.last + 1))
            piece = journal.read(stream, state.log, 1, max_count=10_000, max_bytes=1 << 30)
            assert (piece is None) == (not kept)
            assert piece is None or len(piece.raws) == len(kept)
            assert journal.chain_at(stream, state.log, state.last) == state.h
        settings = [int(n) for kind, _, n in told if kind == "setting"]
        held = journal.get_setting("config")
        assert (held or {"n": 0})["n"] in (settings[-1] if settings else 0, len(settings) * 11 + 11)
        assert journal.logs("event")[0].oldest <= journal.logs("event")[0].next
