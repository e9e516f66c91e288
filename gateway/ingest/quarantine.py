"""Payloads that could not be taken: kept once per content, within a bound, so that a person can look."""

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.schema import quarantine

PER_UNIT = 100
"""One unit's quarantine: the oldest makes room, and no other unit's."""

IN_ALL = 4_000
"""Of all units; the oldest make room for a name not seen before. Who holds a broker without an ACL can make
names up without end."""

KEPT_BYTES = 64 * 1024


def put(
    connection: Connection, unit: str, topic: str, payload: bytes, why: str, now_ms: int
) -> str:
    """Keeps `payload` (its first 64 KiB); a known one is only counted. Returns its SHA-256 in hex."""
    digest = sha256(payload).hexdigest()
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(quarantine).values(
        sha256=digest,
        unit=unit,
        topic=topic.replace("\0", "")[:500],
        payload=payload[:KEPT_BYTES],
        reason=why.replace("\0", "")[:500],
        first_ms=now_ms,
        last_ms=now_ms,
        times=1,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["sha256"],
            set_={"last_ms": now_ms, "times": quarantine.c.times + 1},
        )
    )
    _bound(connection, unit)
    _bound_all(connection, unit)
    return digest


def _bound(connection: Connection, unit: str) -> None:
    kept = (
        sa.select(quarantine.c.sha256)
        .where(quarantine.c.unit == unit)
        .order_by(quarantine.c.last_ms.desc())
        .limit(PER_UNIT)
    )
    connection.execute(
        quarantine.delete().where(quarantine.c.unit == unit, quarantine.c.sha256.not_in(kept))
    )


def _bound_all(connection: Connection, unit: str) -> None:
    """Counted where the unit's name is new here: those that are known have their own bound."""
    count = sa.select(sa.func.count()).select_from(quarantine)
    if connection.execute(count.where(quarantine.c.unit == unit)).scalar_one() != 1:
        return
    beyond = connection.execute(count).scalar_one() - IN_ALL
    if beyond <= 0:
        return
    oldest = sa.select(quarantine.c.sha256).order_by(quarantine.c.last_ms).limit(beyond)
    connection.execute(quarantine.delete().where(quarantine.c.sha256.in_(oldest)))
