"""Which version of its configuration a unit uses, by its own signature: a store put back may know of none so new.

A unit's live picture says it too, but nobody signs that: whoever holds a broker can put any number there.
"""

import re
from typing import Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from gateway.store.schema import configs, records
from wire.limits import Count
from wire.words import Fault

LATEST = 500
"""Records of a unit's configurations that are looked through."""

MOST_AHEAD = 10_000
"""A unit that claims a version so far above what was pushed is broken or in wrong hands, and is not believed."""

MOST = 2**53
"""The highest version there is: see `wire.orders.ConfigMessage`."""

OLDER = re.compile(r"version \d+ is older than (\d{1,16}), which is in use")
"""How a unit refuses what is older than its own; nothing that a stranger can word."""


class _Said(Struct):
    version: Count
    outcome: Literal["applied", "refused"]
    why: str | None = None


def next_version(connection: Connection, unit: str) -> int:
    """Above all that was pushed here, and above what the unit uses. Raises `Fault` where there is none left."""
    query = sa.select(sa.func.max(configs.c.version)).where(configs.c.unit == unit)
    kept = connection.execute(query).scalar() or 0
    claims = [one for one in _claims(connection, unit) if one <= kept + MOST_AHEAD]
    version = max([kept, *claims]) + 1
    if version > MOST:
        raise Fault(
            f"{unit} 的配置版本号已用尽（{kept}）；请为该单元换一个新名称重新登记",
            f"the version numbers of {unit}'s configuration are used up ({kept}); enrol it under a new name",
        )
    return version


def _claims(connection: Connection, unit: str) -> list[int]:
    query = sa.select(records.c.raw).where(
        records.c.unit == unit, records.c.stream == "event", records.c.kind == "config"
    )
    newest = connection.execute(query.order_by(records.c.pos.desc()).limit(LATEST)).scalars()
    return [_in_use(raw) for raw in newest]


def _in_use(raw: bytes) -> int:
    """By this record; 0 where it does not say."""
    try:
        said = msgspec.json.decode(raw, type=_Said)
    except msgspec.DecodeError:
        return 0  # kept as it came, and shown as unreadable where records are listed
    if said.outcome == "applied":
        return said.version
    older = OLDER.fullmatch(said.why or "")
    return int(older[1]) if older else 0
