"""Units' public keys, and what is sealed to them: the card keys that a unit needs, and no others."""

import time
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from gateway.config import CardsSection
from gateway.store.open import Store
from gateway.store.schema import seals, unit_keys
from gateway.store.upsert import upsert
from wire import topics
from wire.cards.keyfile import SiteKeys, read_keys
from wire.cards.ring import PURPOSE, Card, encode, site_ring
from wire.orders import UnitConfig
from wire.seal import seal
from wire.words import Fault


class SealedKeys(Struct, frozen=True):
    """What is sealed in a configuration: the keys of so many `cards`, to this `public` key (hex)."""

    cards: int
    public: str


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


def with_card_keys(
    store: Store,
    unit: str,
    config: UnitConfig,
    cards: Iterable[tuple[str, Card]],
    section: CardsSection,
) -> tuple[UnitConfig, SealedKeys | None]:
    """`config` with the keys that `unit` needs for `cards` (UID, family), sealed to it, and what is sealed.

    Left as it is, and None, where none is needed. Raises `Fault` where site key or unit key are wanting.
    """
    now_ms = time.time_ns() // 1_000_000
    live = {b.uid for b in config.badges if not b.revoked and (b.valid_to_ms or now_ms) >= now_ms}
    needed = [(uid, card) for uid, card in cards if card != "uid" and uid in live]
    if not needed:
        return config, None
    site = read_keys(_key_file(section))
    try:
        keys = site_ring(site, needed, config.least_proof, section.sealed_picc)
    except ValueError as exc:
        raise Fault(
            f"[[badge]] card：能证明自身的卡 UID 为 7 字节（{exc}）",
            f"[[badge]] card: a card that proves itself has a UID of 7 bytes ({exc})",
        ) from exc
    public = _public(store, unit)
    sealed = seal(encode(keys), public, unit, PURPOSE)
    return replace(config, card_keys=sealed), SealedKeys(len(needed), public)


def seal_of(store: Store, unit: str, version: int) -> SealedKeys | None:
    """What is sealed in this configuration; None where nothing is, or it is not known."""
    query = sa.select(seals.c.cards, seals.c.public).where(
        seals.c.unit == unit, seals.c.version == version
    )
    with store.reading() as connection:
        row = connection.execute(query).first()
    return SealedKeys(row.cards, row.public) if row else None


def _key_file(section: CardsSection) -> Path:
    if section.keys is None:
        raise Fault(
            "花名册中有带密钥的卡，但 gateway.toml 没有 [cards] keys；请用 xunkong card keys new 新建并填入",
            "the roster has cards with keys, and gateway.toml no [cards] keys; make the file with "
            "xunkong card keys new, and name it there",
        )
    return Path(section.keys)


def _public(store: Store, unit: str) -> str:
    public = unit_key(store, unit)
    if public is None:
        raise Fault(
            f"还没有单元 {unit} 的公钥；请在单元上运行 xunkong device key，再运行 gateway unit-key set",
            f"the public key of unit {unit} is not known; run xunkong device key on it, then "
            "gateway unit-key set here",
        )
    return public
