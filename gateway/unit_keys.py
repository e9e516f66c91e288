"""Units' public keys, to which secrets for them are sealed."""

import time
from pathlib import Path

import sqlalchemy as sa

from gateway.config import CardsSection
from gateway.store.open import Store
from gateway.store.schema import unit_keys
from gateway.store.upsert import upsert
from wire import topics
from wire.cards.keyfile import SiteKeys, read_keys
from wire.cards.ring import PURPOSE
from wire.seal import seal
from wire.words import Fault


def site_keys(section: CardsSection) -> SiteKeys | None:
    """The site's keys, None where it names no file. Raises `Fault` for a file that is not in order."""
    return read_keys(Path(section.keys)) if section.keys else None


def set_unit_key(store: Store, unit: str, public: str) -> bool:
    """Seals to `public` from now on; True if another key stood there. Raises `Fault` for what is no key."""
    if not topics.is_unit(unit):
        raise Fault(f"{unit!r} 不是单元名", f"{unit!r} is no unit's name")
    public = public.strip().lower()
    seal(b"", public, unit, PURPOSE)
    held = unit_key(store, unit)
    row = {"unit": unit, "public": public, "set_ms": time.time_ns() // 1_000_000}
    with store.changing() as connection:
        upsert(connection, unit_keys, ["unit"], [row])
    return held not in (None, public)


def sealed_to(connection: sa.Connection, unit: str, public: str, now_ms: int) -> None:
    """What `unit` said in a signed greeting: secrets are sealed to `public` from now on."""
    query = sa.select(unit_keys.c.public).where(unit_keys.c.unit == unit)
    if connection.execute(query).scalar() != public:
        row = {"unit": unit, "public": public, "set_ms": now_ms}
        upsert(connection, unit_keys, ["unit"], [row])


def unit_key(store: Store, unit: str) -> str | None:
    """The public key of `unit`, None where no technician has set one."""
    with store.reading() as connection:
        query = sa.select(unit_keys.c.public).where(unit_keys.c.unit == unit)
        found: str | None = connection.execute(query).scalar()
    return found
