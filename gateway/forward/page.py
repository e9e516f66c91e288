"""Reads what is to be forwarded: the next records of a stream in the order of commits, as events."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection, RowMapping

from gateway.forward.events import correction_event, record_event
from gateway.forward.sink import Event
from gateway.store.neighbours import Neighbours
from gateway.store.open import Store
from gateway.store.schema import TIMELESS, boots, cursors, records
from gateway.store.times import UNBOUNDED, BootAnchor, Bounds
from wire.records import Stream

MOST = 500
"""Records in a request."""

MOST_BYTES = 96 * 1024
"""Of records in a request: an event never waits for longer than the platform needs for this."""


class Page(Struct, frozen=True):
    """Consecutive records of one stream: their events, up to which position they go, clocks among them."""

    stream: Stream
    first_pos: int
    last_pos: int
    events: tuple[Event, ...]
    clocks: tuple[RowMapping, ...]


def cursor(connection: Connection, sink: str, stream: Stream) -> int:
    """Up to which position `sink` has all of `stream`; 0 at the beginning."""
    query = sa.select(cursors.c.pos).where(cursors.c.sink == sink, cursors.c.stream == stream)
    return connection.execute(query).scalar() or 0


def next_page(connection: Connection, sink: str, stream: Stream) -> Page | None:
    """The next records for `sink`; None when it has them all."""
    after = cursor(connection, sink, stream)
    query = (
        sa.select(records)
        .where(records.c.pos > after, records.c.stream == stream)
        .order_by(records.c.pos)
        .limit(MOST)
    )
    rows = _bounded(connection.execute(query).mappings())
    if not rows:
        return None
    return Page(
        stream=stream,
        first_pos=rows[0]["pos"],
        last_pos=rows[-1]["pos"],
        events=tuple(_events(connection, rows)),
        clocks=tuple(row for row in rows if row["kind"] == "clock"),
    )


def _events(connection: Connection, rows: Sequence[RowMapping]) -> Iterator[Event]:
    anchors, neighbours = _anchors(connection, rows), Neighbours(connection)
    for row in rows:
        anchor = anchors.get((row["unit"], row["boot"]))
        lost = anchor is None and row["clock"] == "none"
        start: Bounds = neighbours.start_of(row["unit"], row["boot"]) if lost else UNBOUNDED
        yield record_event(row, anchor, start)


def _bounded(rows: sa.MappingResult) -> list[RowMapping]:
    taken: list[RowMapping] = []
    size = 0
    for row in rows:
        size += len(row["raw"])
        if taken and size > MOST_BYTES:
            break
        taken.append(row)
    return taken


def _anchors(
    connection: Connection, rows: Sequence[RowMapping]
) -> dict[tuple[str, str | None], BootAnchor]:
    """The anchors of those boots among `rows` whose records need one."""
    wanted = {(r["unit"], r["boot"]) for r in rows if r["clock"] in (None, "none", "rtc")}
    found = {key: _anchor(connection, *key) for key in wanted}
    return {key: anchor for key, anchor in found.items() if anchor}


def _anchor(connection: Connection, unit: str, boot: str | None) -> BootAnchor | None:
    query = sa.select(boots).where(boots.c.unit == unit, boots.c.boot == boot)
    row = connection.execute(query).first()
    return BootAnchor(row.up_ms, row.utc_ms, row.err_ms, row.source, row.pos) if row else None


def corrections(store: Store, sink: str, page: Page) -> Iterator[list[Event]]:
    """For each clock record of `page` that is its boot's anchor: what went out before it without a time.

    Events count as gone out below the page's first position, tracks up to their own cursor. No
    transaction is open while the caller delivers what was given, however long that takes.
    """
    for clock in page.clocks:
        after = 0
        while found := _correctable(store, sink, page, clock, after):
            after, events = found
            yield events


def _correctable(
    store: Store, sink: str, page: Page, clock: RowMapping, after: int
) -> tuple[int, list[Event]] | None:
    """Some corrections beyond position `after`, and the position of their last; None for no more."""
    with store.reading() as connection:
        anchor = _anchor(connection, clock["unit"], clock["boot"])
        if anchor is None or anchor.pos != clock["pos"]:
            return None
        tracks = cursor(connection, sink, "track")
        rows = _timeless(connection, clock, page.first_pos, tracks, after)
    if not rows:
        return None
    return rows[-1]["pos"], [correction_event(row, anchor, clock) for row in rows]


def _timeless(
    connection: Connection, clock: RowMapping, below: int, tracks: int, after: int
) -> Sequence[RowMapping]:
    c = records.c
    gone_out = sa.or_(
        sa.and_(c.stream == "event", c.pos < below), sa.and_(c.stream == "track", c.pos <= tracks)
    )
    query = (
        sa.select(records)
        .where(c.unit == clock["unit"], c.boot == clock["boot"], TIMELESS)
        .where(gone_out, c.pos > after)
        .order_by(c.pos)
        .limit(MOST)
    )
    return connection.execute(query).mappings().all()
