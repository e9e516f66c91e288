"""What units send because an order asked for it, a piece at a time: kept for orders that were given alone."""

from base64 import b64decode

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.schema import orders, reports
from wire.report import Report

KINDS = ("logs", "selftest")
KEPT = 4
"""Reports of one unit; the oldest gives way."""


class NotAsked(Exception):
    """A piece that is refused, and why."""


def take(connection: Connection, unit: str, piece: Report, now_ms: int) -> int:
    """Keeps what is new in `piece`; how many bytes of the report there are now.

    Its signature was checked. Raises `NotAsked` for what nobody ordered of this unit, or what does not fit.
    """
    data = _data(piece)
    row = connection.execute(sa.select(reports).where(reports.c.order_id == piece.order)).first()
    if row is None:
        _begin(connection, unit, piece, now_ms)
    elif (row.unit, row.total) != (unit, piece.total):
        raise NotAsked("its report was begun otherwise")
    held: bytes = b"" if row is None else row.data
    if piece.offset == len(held) and data:
        held += data
        grown = reports.update().where(reports.c.order_id == piece.order)
        connection.execute(grown.values(data=held))
    return len(held)


def _data(piece: Report) -> bytes:
    try:
        data = b64decode(piece.data, validate=True)
    except ValueError as exc:
        raise NotAsked(f"its data is no base64: {exc}") from exc
    if piece.offset + len(data) > piece.total:
        raise NotAsked(f"{len(data)} bytes at {piece.offset} of {piece.total}")
    return data


def _begin(connection: Connection, unit: str, piece: Report, now_ms: int) -> None:
    c = orders.c
    asked = sa.select(c.id).where(c.id == piece.order, c.unit == unit, c.what.in_(KINDS))
    if connection.execute(asked).first() is None:
        raise NotAsked(f"nobody ordered report {piece.order[:32]} of this unit")
    older = sa.select(reports.c.order_id).where(reports.c.unit == unit)
    found = connection.execute(older.order_by(reports.c.begun_ms.desc())).scalars().all()
    gone = found[KEPT - 1 :]
    if gone:
        connection.execute(reports.delete().where(reports.c.order_id.in_(gone)))
    row = {"order_id": piece.order, "unit": unit, "total": piece.total, "data": b""}
    connection.execute(reports.insert().values(**row, begun_ms=now_ms))
