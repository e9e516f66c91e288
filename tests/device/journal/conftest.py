"""A journal in a folder of the test's own, and what all tests of it write and look at."""

import subprocess
import sys
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from device.journal.journal import Journal
from wire.records import STREAMS

MANY = {"max_count": 100_000, "max_bytes": 1 << 30}


class Shelf:
    """Opens journals in `folder`, and closes at the end those that the test has not."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "journal.db"
        self._open = ExitStack()

    def open(self, path=None, **how):
        journal = Journal.open(path or self.path, **how)
        self._open.callback(journal.close)
        return journal

    def close(self):
        self._open.close()

    def aside(self):
        """The files that were set aside, without their write-ahead logs."""
        found = self.folder.glob("*.corrupt-*")
        return sorted(p for p in found if not p.name.endswith(("-wal", "-shm")))

    def fill(self, events=20, tracks=10):
        """Writes records and closes; gives what was written, by stream, log and number."""
        journal = Journal.open(self.path)
        written = {}
        for stream, count in (("event", events), ("track", tracks)):
            for n in range(count):
                raw = b'{"n":%d,"text":"\xe5\xb7\xa1 %s %d"}' % (n, stream.encode(), n)
                entry = journal.append(stream, raw)
                written[stream, entry.log, entry.seq] = raw
        journal.close()
        return written


@pytest.fixture
def shelf(tmp_path):
    """Where a test's journals lie."""
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


@pytest.fixture
def journal(shelf):
    """A new journal, open."""
    return shelf.open()


@pytest.fixture(scope="session")
def log_of():
    """The name of a stream's current log."""
    return lambda journal, stream="event": journal.logs(stream)[-1].log


@pytest.fixture(scope="session")
def read_all():
    """All durable records of a journal, by stream, log and number; skips what is not kept."""

    def read(journal):
        found = {}
        for stream in STREAMS:
            for state in journal.logs(stream):
                at = state.oldest
                while piece := journal.read(stream, state.log, at, **MANY):
                    for n, raw in enumerate(piece.raws):
                        found[stream, state.log, piece.first + n] = raw
                    at = piece.first + len(piece.raws)
        return found

    return read


@pytest.fixture(scope="session")
def chained():
    """Whether these (number, chain value, bytes) are one chain from the beginning."""

    def check(rows):
        h = bytes(32)
        for expected, (seq, value, raw) in enumerate(rows, 1):
            h = sha256(h + raw).digest()
            if (seq, value) != (expected, h):
                return False
        return True

    return check


@pytest.fixture
def child():
    """Starts Python with a program and arguments; kills at the end what still runs."""
    started = []

    def start(program, *args, **how):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, args)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
            **how,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
