"""A unit's card for tests: journal, papers and photos as provisioning lays them, mounted as a technician would."""

import os
import subprocess
from contextlib import contextmanager
from hashlib import sha256

import pytest

from device.journal.export import export
from device.journal.journal import Journal
from device.places import CONFIG, STATE, on_card
from gateway.ingest.carried import Import
from gateway.ingest.intake import Intake, Message
from gateway.ingest.registry import Registry
from wire import topics
from wire.batch import encode_batch, encode_record
from wire.carried import CarriedFile
from wire.chain import signed_text, walk
from wire.records import Checkin, Photo, Track

NOW_MS = 1_763_890_000_000
UNIT = "cp-01"
CONFIGURATION = """
[unit]
id = "cp-01"
role = "checkpoint"
[[broker]]
host = "gw.example"
[journal]
path = "/var/lib/xunkong/device/journal.db"
[identity]
folder = "/var/lib/xunkong/device/identity"
[camera]
kind = "sim"
folder = "/var/lib/xunkong/device/photos"
"""
HEAD = {"boot": "9c1b22f0", "at_ms": NOW_MS, "clock": "gnss", "clock_err_ms": 30}


class Box:
    """A unit that records, and may be cut off; `own` has its key."""

    def __init__(self, folder, site, unit=UNIT):
        self.root, self.unit = folder, unit
        self.state = folder / STATE
        self.state.mkdir(parents=True)
        (folder / CONFIG).parent.mkdir(parents=True)
        (folder / CONFIG).write_text(CONFIGURATION.replace(UNIT, unit), "utf-8")
        self.own = site.lay_papers(unit, self.state / "identity")
        self.path = self.state / "journal.db"
        self.journal = Journal.open(self.path)
        self._number = 0

    def check_in(self, count=1):
        for _ in range(count):
            self._number += 1
            said = {"badge": "04a1b2c3", "person": None, "method": "nfc", "proof": "uid"}
            record = Checkin(
                **HEAD, up_ms=self._number, place=f"pl-{self._number}", result="accepted", **said
            )
            self.journal.append("event", encode_record(record))

    def drive(self, count=1):
        for _ in range(count):
            self._number += 1
            fixes = {"dt_ms": [0], "lat_e7": [self._number], "lon_e7": [1]}
            track = Track(**HEAD, up_ms=self._number, t0_ms=NOW_MS, up0_ms=1, **fixes)
            self.journal.append("track", encode_record(track))
        self.journal.sync()

    def photograph(self, jpeg):
        """On record, and waiting for the gateway."""
        digest = sha256(jpeg).hexdigest()
        told = {"bytes": len(jpeg), "width": 1, "height": 1, "reason": "order"}
        record = Photo(**HEAD, up_ms=1, sha256=digest, **told)
        self.journal.append("event", encode_record(record))
        folder = self.state / "photos" / "waiting"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir())):010d}-{digest}.jpg").write_bytes(jpeg)
        return digest

    def log(self, stream="event"):
        return self.journal.logs(stream)[-1]

    def messages(self, stream, first, last, size=7):
        """Records of the current log as the unit sends them."""
        log = self.log(stream).log
        while first <= last:
            count = min(size, last - first + 1)
            part = self.journal.read(stream, log, first, max_count=count, max_bytes=10**6)
            h_last = walk(part.prev, part.raws)[-1]
            where = (self.unit, stream, log, first)
            text = signed_text(*where, part.prev, len(part.raws), h_last)
            sig = (self.own.kid, self.own.sign(text))
            payload = encode_batch(log, first, part.prev, part.raws, sig)
            yield Message(topics.log(self.unit, stream), payload)
            first += len(part.raws)

    def cut_power(self):
        """The card as it is left: its write-ahead log holds what is newest, nobody closed it."""
        kept = {path: path.read_bytes() for path in self.state.glob("journal.db*")}
        self.journal.close()
        for path, data in kept.items():
            if not path.name.endswith("-shm"):
                path.write_bytes(data)
        (self.state / "journal.db-shm").unlink(missing_ok=True)

    def everything(self):
        """What the journal has: bytes by stream, log and number."""
        journal = Journal.open(self.path)
        try:
            return {
                (stream, log, seq): raw
                for stream in ("event", "track")
                for log, seq, _, raw in journal.iterate(stream)
            }
        finally:
            journal.close()


@contextmanager
def mounted(root, folder):
    """The card below `folder`, read-only; where nothing can be mounted the test is skipped."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a card")
    folder.mkdir(exist_ok=True)
    command = ["mount", "-o", "bind,ro", str(root), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Gate:
    """A gateway's store and what is done with it."""

    def __init__(self, store, keys, folder):
        self.store, self.keys, self.photos = store, keys, folder / "photos"
        self.intake = Intake(store, Registry(keys.authority), keys, lambda point: None, self.photos)

    def take(self, *messages):
        return self.intake.take(messages, NOW_MS)

    def bring(self, path):
        """Imports a file."""
        file = CarriedFile(path)
        try:
            run = Import(self.store, self.keys, self.photos, file)
            return run.run(lambda: NOW_MS, lambda step, done, of: None)
        finally:
            file.close()


def exported(root, out, **how):
    return export(on_card(root), out, how.pop("photos", False), **how)
