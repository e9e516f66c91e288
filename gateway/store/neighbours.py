"""Bounds for a boot that never learned the time: what stands before and after it in the unit's logs.

A log is written in order, and within one stream a log is begun when the one before it is sealed, so
what was known of the time before a boot's first record, and after its last, bounds the boot; the
receipt at the gateway bounds it from above. Nothing is stored: a neighbour that arrives late counts
from then on. What it cannot know: which of two logs is older, if the gateway first saw the newer.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.schema import TIMELESS, boots, logs, records
from gateway.store.times import (
    TRUSTED,
    UNBOUNDED,
    BootAnchor,
    Bounds,
    Moment,
    narrowed,
    repaired,
    starts_after,
    starts_before,
    starts_by_receipt,
    starts_with,
)

KNOWN = sa.or_(
    sa.and_(records.c.clock.in_(TRUSTED), records.c.at_ms.is_not(None)), boots.c.boot.is_not(None)
)
"""A record whose time is known: by itself, or by its boot's anchor."""


class _Head(msgspec.Struct):
    clock_err_ms: int | None = None


class Neighbours:
    """Asks over one connection; remembers what it found for as long as it lives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, str], Bounds] = {}

    def start_of(self, unit: str, boot: str | None) -> Bounds:
        """When `boot` of `unit` can have begun: UTC of its `up_ms` 0; None where nothing bounds it."""
        if boot is None:
            return UNBOUNDED
        if (unit, boot) not in self._found:
            self._found[unit, boot] = narrowed(self._bounds(unit, boot))
        return self._found[unit, boot]

    def _bounds(self, unit: str, boot: str) -> Iterator[Bounds]:
        for span in self._spans(unit, boot):
            yield starts_by_receipt(span.heard_ms, span.up_ms)
            ids = self._logs(unit, span.stream)
            yield self._before(unit, boot, span, ids)
            yield self._after(unit, boot, span, ids)

    def _spans(self, unit: str, boot: str) -> Sequence[Any]:
        """From where to where the boot goes in each log; `heard_ms`: the least of receipt less up_ms."""
        c = records.c
        query = (
            sa.select(
                c.stream,
                c.log,
                sa.func.min(c.seq).label("first"),
                sa.func.max(c.seq).label("last"),
                sa.func.max(c.up_ms).label("up_ms"),
                sa.func.min(c.received_ms - c.up_ms).label("heard_ms"),
            )
            .where(c.unit == unit, c.boot == boot, c.up_ms.is_not(None), TIMELESS)
            .group_by(c.stream, c.log)
        )
        return self._connection.execute(query).all()

    def _logs(self, unit: str, stream: str) -> Sequence[Any]:
        """The stream's logs, the one seen first foremost; a fork is nobody's neighbour."""
        query = (
            sa.select(logs.c.log, logs.c.first_ms)
            .where(logs.c.unit == unit, logs.c.stream == stream, logs.c.log.not_like("%~%"))
            .order_by(logs.c.first_ms)
        )
        return self._connection.execute(query).all()

    def _before(self, unit: str, boot: str, span: Any, ids: Sequence[Any]) -> Bounds:
        seen_ms = min((log.first_ms for log in ids if log.log == span.log), default=0)
        older = [log.log for log in ids if log.first_ms < seen_ms]
        c = records.c
        row = self._known(unit, span.stream, span.log, c.seq < span.first, c.seq.desc())
        while row is None and older:
            row = self._known(unit, span.stream, older.pop(), sa.true(), c.seq.desc())
        return _told(row, boot, starts_after) if row else UNBOUNDED

    def _after(self, unit: str, boot: str, span: Any, ids: Sequence[Any]) -> Bounds:
        seen_ms = min((log.first_ms for log in ids if log.log == span.log), default=2**63)
        newer = [log.log for log in ids if log.first_ms > seen_ms][::-1]
        c = records.c
        row = self._known(unit, span.stream, span.log, c.seq > span.last, c.seq)
        while row is None and newer:
            row = self._known(unit, span.stream, newer.pop(), sa.true(), c.seq)
        if row is None:
            return UNBOUNDED
        return _told(row, boot, lambda moment: starts_before(moment, span.up_ms))

    def _known(self, unit: str, stream: str, log: str, where: Any, order: Any) -> Any:
        c, b = records.c, boots.c
        anchor = (b.up_ms.label("b_up_ms"), b.utc_ms, b.err_ms, b.source)
        query = (
            sa.select(c.boot, c.up_ms, c.at_ms, c.clock, c.raw, *anchor)
            .select_from(records.outerjoin(boots, sa.and_(b.unit == c.unit, b.boot == c.boot)))
            .where(c.unit == unit, c.stream == stream, c.log == log, c.up_ms.is_not(None))
            .where(where, KNOWN)
            .order_by(order)
            .limit(1)
        )
        return self._connection.execute(query).mappings().first()


def _told(row: Any, boot: str, by_another: Any) -> Bounds:
    """What a record of known time says of the start of `boot`: much, if it is its own."""
    moment = _moment(row)
    if moment is None:
        return UNBOUNDED
    bounds: Bounds = starts_with(moment) if row["boot"] == boot else by_another(moment)
    return bounds


def _moment(row: Any) -> Moment | None:
    anchor = None
    if row["utc_ms"] is not None:
        anchor = BootAnchor(row["b_up_ms"], row["utc_ms"], row["err_ms"], row["source"])
    time = repaired(row, anchor)
    if time.utc_ms is None:
        return None
    by_anchor = time.quality == "repaired" and anchor is not None
    err_ms = anchor.err_ms if by_anchor and anchor else _err_ms(row["raw"])
    return Moment(row["up_ms"], time.utc_ms, err_ms)


def _err_ms(raw: bytes) -> int:
    try:
        return max(0, msgspec.json.decode(raw, type=_Head).clock_err_ms or 0)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
