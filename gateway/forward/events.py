"""A stored record as a CloudEvent 1.0. Source: CloudEvents 1.0.2, JSON format 3.1, and the wire contract."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.forward.sink import Event
from gateway.store.times import UNBOUNDED, BootAnchor, Bounds, bounds_of, repaired

_ODD = re.compile(r"[^a-z0-9_-]+")
Row = Mapping[Any, Any]


class _Named(msgspec.Struct):
    place: str | None = None
    person: str | None = None


def identity(row: Row) -> str:
    """`<unit>/<stream>/<log>/<seq>`: what a record is called everywhere."""
    return f"{row['unit']}/{row['stream']}/{row['log']}/{row['seq']}"


def rfc3339(utc_ms: int) -> str:
    """UTC in milliseconds as `2026-01-31T08:00:00.000Z`."""
    moment = datetime.fromtimestamp(utc_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record_event(row: Row, anchor: BootAnchor | None, start: Bounds = UNBOUNDED) -> Event:
    """The event of a row of `records`, its time repaired by its boot's anchor where there is one.

    Where the time is not known the event has none, and says between when it was by `timeearliest` and
    `timelatest`, as far as `start`, the bounds of its boot's start, tells that.
    """
    kind = _ODD.sub("-", (row["kind"] or "unreadable").lower()) or "unreadable"
    fields = _head(row, identity(row), kind, anchor)
    if "time" not in fields and start != UNBOUNDED:
        fields |= _between(bounds_of(row, start))
    subject = _subject(row["raw"])
    if subject:
        fields["subject"] = subject
    if row["mark"]:
        fields["mark"] = row["mark"]
    return _event(row, {**fields, **_data(row["raw"])})


def correction_event(row: Row, anchor: BootAnchor, clock: Row) -> Event:
    """Says that the time of a record already forwarded is now known, by the record `clock`."""
    fields = _head(
        row, f"{identity(row)}/correction/{clock['log']}/{clock['seq']}", "correction", anchor
    )
    ref = {name: row[name] for name in ("unit", "stream", "log", "seq")}
    return _event(row, {**fields, "datacontenttype": "application/json", "data": {"ref": ref}})


def _event(row: Row, fields: dict[str, Any]) -> Event:
    return Event(fields["id"], f"/units/{row['unit']}", msgspec.json.encode(fields))


def _head(row: Row, event_id: str, kind: str, anchor: BootAnchor | None) -> dict[str, Any]:
    time = repaired(row, anchor)
    fields: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/units/{row['unit']}",
        "type": f"cn.xunkong.{kind}.v1",
        "sequence": f"{row['seq']:020d}",
        "timequality": time.quality,
    }
    if time.utc_ms is not None:
        fields["time"] = rfc3339(time.utc_ms)
    if row["at_ms"] is not None:
        fields["recordedtime"] = rfc3339(row["at_ms"])
    return fields


def _between(bounds: Bounds) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if bounds.earliest_ms is not None:
        fields["timeearliest"] = rfc3339(bounds.earliest_ms)
    if bounds.latest_ms is not None:
        fields["timelatest"] = rfc3339(bounds.latest_ms)
    return fields | ({"timequality": "bounded"} if len(fields) == 2 else {})


def _subject(raw: bytes) -> str | None:
    try:
        named = msgspec.json.decode(raw, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return named.place or named.person


def _data(raw: bytes) -> dict[str, Any]:
    """The record as it came: JSON where it is JSON, else its bytes."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"data_base64": b64encode(raw).decode("ascii")}
    return {"datacontenttype": "application/json", "data": msgspec.Raw(raw)}
