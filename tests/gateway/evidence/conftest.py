"""What the tests of evidence share: a store with signed logs, photos and daily roots, and hands that change it."""

from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from gateway.daily_root import DailyRoot
from gateway.evidence.verify import LogResult, Scope, Total, Verification
from gateway.ingest.intake import Intake
from gateway.ingest.registry import Registry, keep
from gateway.photos.files import note_kept, whole
from gateway.store import schema
from gateway.store.book import Book
from gateway.store.own_log import OwnLog
from wire import records
from wire.evidence.findings import Finding

NOW_MS = 1_763_890_000_000
DAY_MS = 86_400_000
ZONE = ZoneInfo("Asia/Shanghai")


class Scene:
    """A gateway's store and what came into it; `key` is that of unit cp-01."""

    def __init__(self, store, site, keys, folder):
        self.store, self.site, self.keys, self.folder = store, site, keys, folder
        self.now_ms = NOW_MS
        self.intake = Intake(store, Registry(site.authority), keys, lambda point: None)
        self.own = OwnLog(keys)
        self._bearers = {}
        with store.changing() as connection:
            keep(connection, keys.certificate, NOW_MS)

    def key(self, unit="cp-01"):
        if unit not in self._bearers:
            self._bearers[unit] = self.site.bearer(unit)
            with self.store.changing() as connection:
                keep(connection, self._bearers[unit].read(self.site), self.now_ms)
        return self._bearers[unit]

    def take(self, log, first=1, last=None, key=None):
        """Records `first` to `last` of a unit's log come as a batch that it signed."""
        message = log.message(first, last, key=key or self.key(log.unit))
        return self.intake.take([message], self.now_ms)

    def close_day(self):
        """A day passes, and its root is made."""
        self.now_ms += DAY_MS
        assert DailyRoot(self.store, self.own, ZONE).make(self.now_ms)

    def photo(self, log, content=b"a jpeg", **fields):
        """A photo that `log` announces and that is here; its path."""
        digest = sha256(content).hexdigest()
        what = {"width": 4, "height": 3, "reason": "checkin", **fields}
        log.add(records.Photo, sha256=digest, bytes=len(content), **what)
        self.take(log, log.last)
        path = whole(self.folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        note_kept(self.store, digest, len(content), self.now_ms)
        return path

    def change(self, table, where, **values):
        """Somebody writes into the database."""
        table = schema.metadata.tables[table]
        conditions = [table.c[name] == value for name, value in where.items()]
        with self.store.changing() as connection:
            statement = table.update().values(**values) if values else table.delete()
            return connection.execute(statement.where(*conditions)).rowcount

    def rows(self, table, **where):
        table = schema.metadata.tables[table]
        conditions = [table.c[name] == value for name, value in where.items()]
        query = sa.select(table).where(*conditions).order_by(*table.primary_key)
        with self.store.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def verify(self, unit=None, since_ms=None, forwarded=None):
        """(findings, notes, total): the first two as (what, where, first, last)."""
        scope = Scope(unit, since_ms, forwarded or {})
        run = Verification(self.store, self.site.authority, self.folder, scope)
        everything = list(run.run())
        self.logs = [one for one in everything if isinstance(one, LogResult)]
        self.findings = [one for one in everything if isinstance(one, Finding)]
        (total,) = (one for one in everything if isinstance(one, Total))
        found = [(f.is_note, (f.what, f.where, f.first, f.last)) for f in self.findings]
        return [f for note, f in found if not note], [f for note, f in found if note], total


def say_removed(scene, log, seq):
    """The gateway's own signed word that the policy took record `seq` of cp-01's `log`."""
    what = {"what": "event", "count": 1, "before_ms": scene.now_ms, "why": "[retention]"}
    place = {"unit": "cp-01", "log": log.log, "first": seq, "last": seq}
    with scene.store.writing() as connection:
        book = Book(scene.store.is_sqlite)
        book.open(connection, scene.now_ms)
        scene.own.write(book, records.Removed, **what, **place, h_last=log.hs[seq].hex())
        book.close()


@pytest.fixture
def scene_on(keys_site, gateway_keys, tmp_path):
    return lambda store: Scene(store, keys_site, gateway_keys, tmp_path / "photos")


@pytest.fixture
def scene(scene_on, store):
    return scene_on(store)
