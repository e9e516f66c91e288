"""The journal against a bare sqlite3 commit, and against itself with a thousand times the documents."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec

from device.journal.journal import Journal
from device.journal.logs import RowDocument
from device.journal.tinydb_sqlite import sql_name
from sim.measure.row import Row
from wire.batch import encode_record
from wire.chain import START, link
from wire.records import Checkin

ROUNDS = 15
PER_ROUND = 60
SMALL, LARGE = 1_000, 1_000_000


def a_checkin(number: int) -> bytes:
    """A check-in record as a unit writes it."""
    return encode_record(
        Checkin(
            boot="9c1b22f0",
            up_ms=1_000 + number,
            at_ms=1_795_000_000_000 + number,
            clock="gnss",
            clock_err_ms=300,
            badge=f"04{number:012x}",
            person=f"p-{number % 1000:05d}",
            place="east-gate",
            method="nfc",
            proof="uid",
            result="accepted",
        )
    )


def measure(folder: Path) -> Iterator[Row]:
    """Interleaved rounds, so that a slow moment of the disk meets both sides."""
    small, large = _filled(folder / "small.db", SMALL), _filled(folder / "large.db", LARGE)
    bare = _Bare(folder / "bare.db")
    times: dict[str, list[float]] = {"small": [], "large": [], "bare": []}
    for _ in range(ROUNDS):
        times["small"].append(_timed(lambda n: small.append("event", a_checkin(n))))
        times["bare"].append(_timed(lambda n: bare.append(a_checkin(n))))
        times["large"].append(_timed(lambda n: large.append("event", a_checkin(n))))
    mid = {name: median(values) for name, values in times.items()}
    yield Row("journal: event appends, fsynced one by one", 1 / mid["small"], "/s")
    yield Row("bare sqlite3 commits of the same bytes", 1 / mid["bare"], "/s")
    ratio = median(b / s for s, b in zip(times["small"], times["bare"], strict=True))
    yield Row("journal's appends / bare commits", ratio, "ratio", at_least=0.7)
    ratio = median(b / s for s, b in zip(times["small"], times["large"], strict=True))
    yield Row("append at 1,000,000 / at 1,000 documents", ratio, "ratio", at_most=1.2)
    yield from _chores(small, large)
    small.close()
    large.close()


def _chores(small: Journal, large: Journal) -> Iterator[Row]:
    """Acknowledging and pruning the same number of records in both."""
    took = {name: _chore(journal) for name, journal in (("small", small), ("large", large))}
    for n, what in enumerate(("acknowledge", "prune 500")):
        ratio = took["large"][n] / took["small"][n]
        yield Row(f"{what} at 1,000,000 / at 1,000 documents", ratio, "ratio")


def _chore(journal: Journal) -> tuple[float, float]:
    log = journal.logs("event")[-1].log
    acks, prunes = [], []
    for n in range(1, 4):
        begun_s = time.perf_counter()
        for k in range(100):
            journal.acknowledge("event", log, n * 300 + k, "0" * 16)
        acks.append((time.perf_counter() - begun_s) / 100)
        begun_s = time.perf_counter()
        journal.prune(1_795_000_000_000 + n, keep_days=0)
        prunes.append(time.perf_counter() - begun_s)
    return median(acks), median(prunes)


def _timed(append: Callable[[int], object]) -> float:
    begun_s = time.perf_counter()
    for number in range(PER_ROUND):
        append(number)
    return (time.perf_counter() - begun_s) / PER_ROUND


class _Bare:
    """What a hand-written program would do: one row, one commit, the same pragmas."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE records (seq INTEGER PRIMARY KEY, body TEXT)")

    def append(self, raw: bytes) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO records (body) VALUES (?)", (raw.decode(),))
        self._db.execute("COMMIT")


def _filled(path: Path, count: int) -> Journal:
    """A journal with `count` sound event records, written in one go."""
    fill(path, "event", count, a_checkin)
    return Journal.open(path)


def fill(path: Path, stream: str, count: int, raw_of: Callable[[int], bytes]) -> None:
    """Puts `count` records into the stream's log of a new journal at `path`, chained as they must be."""
    journal = Journal.open(path)
    state = next(
        log for log in journal.logs("event") + journal.logs("track") if log.stream == stream
    )
    journal.close()
    h = START
    rows = []
    for seq in range(1, count + 1):
        raw = raw_of(seq)
        before, h = h, link(h, raw)
        body = msgspec.json.encode(RowDocument(seq, before.hex(), h.hex(), raw.decode())).decode()
        rows.append((seq, body))
    db = sqlite3.connect(path)
    db.executemany(f"INSERT INTO {sql_name(f'{stream}:{state.log}')} VALUES (?, ?)", rows)
    for doc_id, body in db.execute(f"SELECT doc_id, body FROM {sql_name('logs')}").fetchall():
        document = json.loads(body)
        if document["log"] == state.log:
            document.update(last=count, h=h.hex())
            text = json.dumps(document)
            db.execute(f"UPDATE {sql_name('logs')} SET body = ? WHERE doc_id = ?", (text, doc_id))
    db.commit()
    db.close()
