"""Reads the store for people and scripts: records with their repaired time, and the units as they stand."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway.forward.events import identity, rfc3339
from gateway.store.neighbours import Neighbours
from gateway.store.open import Store
from gateway.store.schema import boots, configs, records, units
from gateway.store.times import BootAnchor, RepairedTime, bounds_of, repaired
from wire.batch import BadPayload, decode_record
from wire.codec import decode
from wire.limits import MAX_AT_MS
from wire.live import Health, LiveFix, State
from wire.records import Track
from wire.track import BadTrack, unfold


class Wanted(Struct, frozen=True):
    """Which records; None for all. `since_ms`: repaired UTC, or receipt where no time is known.

    `newest`: no more than so many, those that came last.
    """

    unit: str | None = None
    kind: str | None = None
    since_ms: int | None = None
    newest: int | None = None


def found_records(store: Store, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """One object per record, in the order of commits: identity, repaired time, the record as it came.

    A record whose time is not known has `earliest_ms` and `latest_ms`, UTC, None where nothing tells.
    """
    query = sa.select(records).order_by(records.c.pos)
    if wanted.unit:
        query = query.where(records.c.unit == wanted.unit)
    if wanted.kind:
        query = query.where(records.c.kind == wanted.kind)
    if wanted.newest is not None:
        last = query.with_only_columns(records.c.pos).order_by(None)
        last = last.order_by(records.c.pos.desc()).limit(wanted.newest)
        query = query.where(records.c.pos.in_(last))
    anchors = _anchors(store)
    with store.reading() as connection, store.reading() as beside:
        neighbours = Neighbours(beside)
        for row in connection.execution_options(yield_per=500).execute(query).mappings():
            time = repaired(row, anchors.get((row["unit"], row["boot"])))
            if (wanted.since_ms or 0) > (time.utc_ms or row["received_ms"]):
                continue
            yield {
                "id": identity(row),
                "unit": row["unit"],
                "stream": row["stream"],
                "log": row["log"],
                "seq": row["seq"],
                **_time(row, time, neighbours),
                "received": rfc3339(row["received_ms"]),
                **({"mark": row["mark"]} if row["mark"] else {}),
                "record": _as_it_came(row["raw"]),
            }


def _time(row: Any, time: RepairedTime, neighbours: Neighbours) -> dict[str, Any]:
    if time.utc_ms is not None:
        return {"time": rfc3339(time.utc_ms), "timequality": time.quality}
    bounds = bounds_of(row, neighbours.start_of(row["unit"], row["boot"]))
    both = None not in (bounds.earliest_ms, bounds.latest_ms)
    return {
        "time": None,
        "timequality": "bounded" if both else "none",
        "earliest_ms": bounds.earliest_ms,
        "latest_ms": bounds.latest_ms,
    }


def fixes_of(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fixes of a `track` record that `found_records` gave, each with its record's identity."""
    record = decode_record(bytes(found["record"]))
    if not isinstance(record, Track):
        return
    start_ms = record.t0_ms if record.t0_ms is not None else _utc_ms(found, record)
    try:
        fixes = list(unfold(record))
    except BadTrack as exc:
        yield {"id": found["id"], "unit": found["unit"], "mark": str(exc)}
        return
    for number, fix in enumerate(fixes):
        utc_ms = _in_our_time(start_ms, fix.up_ms - record.up0_ms)
        yield {
            "id": found["id"],
            "unit": found["unit"],
            "n": number,
            "utc": None if utc_ms is None else rfc3339(utc_ms),
            "lat": fix.lat,
            "lon": fix.lon,
            "speed_m_s": fix.speed_m_s,
            "course_deg": fix.course_deg,
            "hacc_m": fix.hacc_m,
            "sats": fix.sats,
        }


def _in_our_time(start_ms: int | None, after_ms: int) -> int | None:
    """UTC `after_ms` after `start_ms`; None where that is not known, or no year of ours."""
    if start_ms is None or not 0 <= start_ms + after_ms <= MAX_AT_MS:
        return None
    return start_ms + after_ms


def _utc_ms(found: dict[str, Any], record: Track) -> int | None:
    """UTC of a segment's first fix, by what was learned later of its boot."""
    if found["time"] is None:
        return None
    written_ms = int(datetime.fromisoformat(found["time"]).timestamp() * 1000)
    return written_ms - (record.up_ms - record.up0_ms)


def _as_it_came(raw: bytes) -> Any:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.hex()
    return msgspec.Raw(raw)


def _anchors(store: Store) -> dict[tuple[str, str], BootAnchor]:
    with store.reading() as connection:
        return {
            (r.unit, r.boot): BootAnchor(r.up_ms, r.utc_ms, r.err_ms, r.source, r.pos)
            for r in connection.execute(sa.select(boots))
        }


class UnitRow(Struct, frozen=True, omit_defaults=True):
    """One unit as it stands; `fix_age_s` None where no position is known. `broken`: lines for people."""

    unit: str
    online: bool
    role: str | None
    heard_age_s: float | None
    lat: float | None
    lon: float | None
    fix_age_s: float | None
    crew: list[str]
    queue: dict[str, int]
    clock: str | None
    config: int | None
    config_wanted: int | None
    version: str | None
    broken: list[str]
    health: Health | None = None
    machine: str | None = None
    patches: str | None = None


def unit_rows(store: Store, now_ms: int) -> list[UnitRow]:
    """Every unit that was ever heard of or configured, by name."""
    with store.reading() as connection:
        known = {row.unit: row for row in connection.execute(sa.select(units))}
        newest = sa.select(configs.c.unit, sa.func.max(configs.c.version)).group_by(configs.c.unit)
        wanted = {row[0]: row[1] for row in connection.execute(newest)}
    return [
        _unit_row(unit, known.get(unit), wanted.get(unit), now_ms)
        for unit in sorted({*known, *wanted})
    ]


def _unit_row(unit: str, row: Any, wanted: int | None, now_ms: int) -> UnitRow:
    state = _state(row.state) if row else None
    fix = msgspec.json.decode(row.fix, type=LiveFix) if row and row.fix else None
    return UnitRow(
        unit=unit,
        online=bool(row and row.online),
        role=state.role if state else None,
        heard_age_s=_age_s(row.state_ms if row else None, now_ms),
        lat=fix.lat if fix else None,
        lon=fix.lon if fix else None,
        fix_age_s=_age_s(row.fix_ms if row and fix else None, now_ms),
        crew=list(state.crew) if state else [],
        queue=dict(state.queue) if state else {},
        clock=state.clock if state else None,
        config=state.config if state else None,
        config_wanted=wanted,
        version=state.version if state else None,
        machine=state.machine if state else None,
        patches=state.patches if state else None,
        broken=_broken(state, wanted),
        health=state.health if state else None,
    )


def _state(payload: bytes | None) -> State | None:
    try:
        return None if payload is None else decode(payload, State)
    except BadPayload:
        return None


def _age_s(at_ms: int | None, now_ms: int) -> float | None:
    return None if at_ms is None else round((now_ms - at_ms) / 1000, 1)


def _broken(state: State | None, wanted: int | None) -> list[str]:
    if state is None:
        return ["never heard of"]
    lines = list(state.alarms)
    if wanted is not None and state.config != wanted:
        lines.append(f"configuration {state.config} in use, {wanted} is wanted")
    return lines
