"""Verifies the store: every log, photo, certificate, waiting batch and daily root, a page at a time."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection

from gateway.evidence.by_hand import carried
from gateway.evidence.days import Day, DayCheck, all_days, check_days
from gateway.evidence.gaps import explained
from gateway.evidence.photos import PhotoCheck
from gateway.evidence.removals import removals
from gateway.evidence.rows import (
    all_logs,
    first_since,
    held_certificates,
    is_log,
    kept,
    records_of,
    snapshot,
    values_before,
)
from gateway.store.book import said_beside
from gateway.store.heads import Key
from gateway.store.open import Store
from gateway.store.schema import certificates, islands, ledger, logs, records
from wire.batch import BadPayload, decode_batch, decode_record
from wire.certificates import Authority, BadCertificate
from wire.chain import START
from wire.evidence.findings import Finding, joined
from wire.evidence.keyring import Keyring, read_any
from wire.evidence.walk import LogWalk
from wire.records import Photo, Stream
from wire.words import Fault

BESIDE = ("kind", "boot", "up_ms", "at_ms", "clock")


class Scope(Struct, frozen=True):
    """What is verified: of `unit` alone (None: all), and only what came at `since_ms` or later (None: all).

    `forwarded`: roots by their day, as a command platform has them.
    """

    unit: str | None = None
    since_ms: int | None = None
    forwarded: Mapping[str, str] = {}


class LogResult(Struct, frozen=True):
    """How a log stands: its records, and how many of them are proven; `last` is its newest."""

    unit: str
    stream: str
    log: str
    records: int
    proven: int
    last: int


class Total(Struct, frozen=True):
    """All of it together. `days`: daily roots; `compared`: those held against what was forwarded.

    `newest_root`: the last one, to be compared by hand.
    """

    logs: int
    records: int
    proven: int
    photos: int
    photos_proven: int
    days: int
    compared: int
    newest_day: str | None
    newest_root: str | None


class Verification:
    """One run. `progress` hears after each page how many records were taken, of how many."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        photos: Path,
        scope: Scope,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> None:
        self._store, self._authority, self._folder = store, authority, photos
        self._scope, self._progress = scope, progress
        self._done = 0

    def run(self) -> Iterator[LogResult | Finding | Total]:
        """Everything found, log by log, and the total at the end. Raises `Fault` where nothing of the unit is here."""
        with snapshot(self._store) as connection:
            yield from joined_results(self._run(connection))

    def _run(self, connection: Connection) -> Iterator[LogResult | Finding | Total]:
        self._of = _count(connection, self._scope)
        self._keyring = Keyring(self._authority, lambda kid: held_certificates(connection, kid))
        self._photos = PhotoCheck(self._store, connection, self._folder)
        days = all_days(connection)
        self._removals, self._carried = removals(connection), carried(connection)
        logs_seen = taken = proven = 0
        for key in self._keys(connection):
            for one in self._log(connection, key, days):
                if isinstance(one, LogResult):
                    logs_seen, taken = logs_seen + 1, taken + one.records
                    proven += one.proven
                yield one
        yield from self._islands(connection)
        yield from self._certificates(connection)
        yield from check_days(connection, days, self._scope.forwarded)
        yield Total(
            logs=logs_seen,
            records=taken,
            proven=proven,
            photos=self._photos.looked_at,
            photos_proven=self._photos.proven,
            days=len(days),
            compared=len({day.date for day in days} & self._scope.forwarded.keys()),
            newest_day=days[-1].date if days else None,
            newest_root=days[-1].root if days else None,
        )

    # One log

    def _keys(self, connection: Connection) -> list[Key]:
        unit = self._scope.unit
        found = all_logs(connection, unit)
        waits = sa.select(islands.c.unit).where(islands.c.unit == unit).limit(1)
        if unit is None or found or connection.execute(waits).first():
            return found
        raise Fault(
            f"库中没有单元 {unit} 的内容，无从核验；用 xunkong gateway units 查看",
            f"nothing of a unit {unit} is here to be verified; see xunkong gateway units",
        )

    def _log(
        self, connection: Connection, key: Key, days: list[Day]
    ) -> Iterator[LogResult | Finding]:
        begun = self._begin(connection, key)
        if begun is None:
            return
        walk, after, whole = begun
        removed = self._removals.get(key, [])
        check = DayCheck(connection, key, days, removed)
        for row in records_of(connection, key, after):
            if not whole and not walk.records:
                check.skip_before(row.pos)
            found = check.before(row.pos, _reached(walk))
            found += [
                one
                for some in walk.take(kept(row))
                for one in explained(connection, key, some, removed)
            ]
            yield from found
            yield from self._beside(key, row)
            self._tick()
        yield from walk.end()
        yield from check.end(_reached(walk))
        for some in _head(connection, key, walk):
            yield from explained(connection, key, some, removed)
        yield from (one.found(key) for one in self._carried.get(key, []) if one.last > after)
        yield LogResult(*key, walk.records, walk.proven, walk.next - 1)

    def _begin(self, connection: Connection, key: Key) -> tuple[LogWalk, int, bool] | None:
        """The walk, after which record it begins, and whether that is the log's beginning; None: nothing to do."""
        if self._scope.since_ms is None:
            return LogWalk(*key, self._keyring), 0, True
        first = first_since(connection, key, self._scope.since_ms)
        if first is None:
            return None
        before = None if first == 1 else values_before(connection, key, first)
        return LogWalk(*key, self._keyring, first, before), first - 1, first == 1

    def _beside(self, key: Key, row: Any) -> Iterator[Finding]:
        record = decode_record(row.raw)
        stands = tuple(getattr(row, name) for name in BESIDE)
        pairs = zip(BESIDE, said_beside(record), stands, strict=True)
        wrong = [f"{name} is {said}, not {held}" for name, said, held in pairs if said != held]
        if wrong:
            yield Finding("beside", "/".join(key), "; ".join(wrong), row.seq, row.seq)
        if isinstance(record, Photo):
            yield from self._photos.announced(key[0], record)

    def _tick(self) -> None:
        self._done += 1
        if self._done % 256 == 0:
            self._progress(self._done, self._of)

    # What is not in logs

    def _islands(self, connection: Connection) -> Iterator[Finding]:
        query = sa.select(islands).order_by(*islands.primary_key)
        if self._scope.unit:
            query = query.where(islands.c.unit == self._scope.unit)
        for row in connection.execute(query):
            where = f"{row.unit}/{row.stream}/{row.log}"
            why = self._island_fault(row)
            yield Finding(
                "signature" if why else "waiting",
                where,
                why or "for the records before it, which its unit still has",
                row.first,
                row.last,
            )

    def _island_fault(self, row: Any) -> str | None:
        stream: Stream = "track" if row.stream == "track" else "event"
        try:
            batch = decode_batch(row.payload)
        except BadPayload as exc:
            return str(exc)
        if (batch.log, batch.first, batch.last) != (row.log.split("~")[0], row.first, row.last):
            return "it is another batch"
        text = batch.signed_text(row.unit, stream)
        sig = batch.sig or ""
        return self._keyring.check(row.unit, text, batch.kid, sig, row.received_ms)

    def _certificates(self, connection: Connection) -> Iterator[Finding]:
        query = sa.select(certificates).where(
            certificates.c.kid.is_not(None), certificates.c.der.is_not(None)
        )
        if self._scope.unit:
            query = query.where(certificates.c.unit == self._scope.unit)
        for row in connection.execute(query.order_by(certificates.c.serial)):
            why = self._certificate_fault(row)
            if why:
                yield Finding("certificate", row.serial, why)

    def _certificate_fault(self, row: Any) -> str | None:
        try:
            found = read_any(self._authority, row.der)
        except BadCertificate as exc:
            return f"of {row.unit}: {exc}"
        if (found.name, found.kid) != (row.unit, row.kid):
            return f"it is that of {found.name} with key {found.kid}, kept for {row.unit}"
        return None


def _reached(walk: LogWalk) -> tuple[int, bytes] | None:
    return (walk.next - 1, walk.h) if walk.next > 1 and walk.h is not None else None


def _head(connection: Connection, key: Key, walk: LogWalk) -> Iterator[Finding]:
    row = connection.execute(sa.select(logs.c.next, logs.c.h).where(is_log(logs, key))).first()
    said = (row.next, row.h) if row else (1, START)
    if said == (walk.next, walk.h):
        return
    if said[0] > walk.next:
        yield Finding("missing", "/".join(key), "they were here", walk.next, said[0] - 1)
    else:
        yield Finding("head", "/".join(key), f"it says {said[0] - 1}", walk.next - 1, walk.next - 1)


def _count(connection: Connection, scope: Scope) -> int:
    if scope.unit is None and scope.since_ms is None:
        found: int = connection.execute(sa.select(ledger.c.next_pos)).scalar_one()
        return found
    query = sa.select(sa.func.count()).select_from(records)
    if scope.unit:
        query = query.where(records.c.unit == scope.unit)
    if scope.since_ms is not None:
        query = query.where(records.c.received_ms >= scope.since_ms)
    count: int = connection.execute(query).scalar_one()
    return count


def joined_results(
    results: Iterator[LogResult | Finding | Total],
) -> Iterator[LogResult | Finding | Total]:
    """Findings that belong together as one, in their place among the rest."""
    held: list[Finding] = []
    for one in results:
        if isinstance(one, Finding) and held:
            both = list(joined((held.pop(), one)))
            yield from both[:-1]
            held = both[-1:]
        elif isinstance(one, Finding):
            held = [one]
        else:
            yield from held
            held = []
            yield one
    yield from held


def as_row(one: LogResult | Finding | Total) -> dict[str, Any]:
    """For machines."""
    if isinstance(one, Finding):
        return one.row()
    return {"row": "log" if isinstance(one, LogResult) else "total", **structs.asdict(one)}
