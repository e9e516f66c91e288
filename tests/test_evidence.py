"""A unit's journal whose process was killed at each of its points: what it delivers then is proven, or declared."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from device.journal.errors import RottenRow
from device.journal.journal import Journal
from gateway.ingest.intake import Message
from gateway.keys import GatewayKeys
from gateway.store.open import open_store
from tests.gateway.evidence.conftest import Scene
from tests.keys import Site
from wire import topics
from wire.batch import encode_batch
from wire.chain import signed_text, walk
from wire.records import STREAMS

WRITER = """
import os, signal, sys
from pathlib import Path
from device.journal.journal import Journal
from sim.measure.ingest import segment
from sim.measure.journal import a_checkin
from wire.batch import encode_record
from wire.records import Dropped

path, do, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
armed = False

def reached(name):
    if armed and name == point:
        os.kill(os.getpid(), signal.SIGKILL)

def gone(stream, log, first, last):
    h_last = journal.chain_at(stream, log, last).hex()
    head = {"boot": "9c1b22f0", "up_ms": 9000, "at_ms": None, "clock": "none", "clock_err_ms": None}
    said = {"stream": stream, "log": log, "first": first, "last": last, "h_last": h_last}
    return encode_record(Dropped(**head, **said, why="the card is full"))

journal = Journal.open(path, reached=reached)
for n in range(1, 8):
    journal.append("event", a_checkin(n))
    journal.append("track", encode_record(segment(n)))
event, track = (journal.logs(stream)[-1].log for stream in ("event", "track"))
armed = True
if do == "append":
    journal.append("event", a_checkin(8))
elif do == "segment":
    journal.append_segment(encode_record(segment(8)))
elif do == "seal":
    dropped = gone("event", event, 3, 3)
    journal._run(f"UPDATE \\"doc:event:{event}\\" SET body = '{{' WHERE doc_id = 3")
    journal.seal_rotten("event", event, 3, dropped)
else:
    journal.replace("track", track, 5, [("event", gone("track", track, 1, 4))])
"""


@pytest.fixture
def scene(tmp_path):
    """A gateway that nothing came to yet."""
    site = Site()
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield Scene(store, site, GatewayKeys(site.lay_gateway_keys(tmp_path / "keys")), tmp_path)
    store.close()


def killed(journal, do, point):
    """A unit's process that was killed at `point` of what it did last."""
    done = subprocess.run(
        [sys.executable, "-c", WRITER, journal, do, point],
        cwd=Path(__file__).parents[1],
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def deliver(journal, scene):
    """All that the journal has comes to the gateway, in batches of two, in another order than it was written."""
    key = scene.key()
    for stream in STREAMS:
        for log in reversed(journal.logs(stream)):
            for piece in pieces(journal, stream, log):
                hs = walk(piece.prev, piece.raws)
                where = ("cp-01", stream, piece.log, piece.first)
                text = signed_text(*where, piece.prev, len(piece.raws), hs[-1])
                signature = (key.kid, key.sign(text))
                payload = encode_batch(piece.log, piece.first, piece.prev, piece.raws, signature)
                scene.intake.take([Message(topics.log("cp-01", stream), payload)], scene.now_ms)


def pieces(journal, stream, log):
    """What there is of a log; a row that cannot be read is passed over."""
    at = log.oldest
    while at <= log.last:
        try:
            piece = journal.read(stream, log.log, at, max_count=2, max_bytes=1 << 20)
        except RottenRow:
            at += 1
            continue
        if piece is None:
            return
        yield piece
        at = piece.first + len(piece.raws)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("do", "point"),
    [
        ("append", "journal.append"),
        ("segment", "journal.append"),
        ("seal", "journal.seal"),
        ("replace", "journal.replace"),
    ],
)
def test_what_a_killed_unit_delivers_is_proven(tmp_path, scene, do, point, when):
    path = tmp_path / "journal.db"
    killed(path, do, f"{point}.{when}_fsync")
    journal = Journal.open(path)
    try:
        deliver(journal, scene)
    finally:
        journal.close()
    scene.close_day()
    findings, notes, total = scene.verify()
    assert findings == []
    declared = [what for what, *_ in notes if what == "declared"]
    took = when == "after"
    assert declared == (["declared"] if took and do in ("seal", "replace") else [])
    assert total.records == total.proven
    assert total.records >= (14 if do in ("append", "segment") else 4)
