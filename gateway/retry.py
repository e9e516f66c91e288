"""What was quarantined, looked at and tried again: taken this time, or quarantined anew."""

import time
from typing import Any

import sqlalchemy as sa

from gateway.ingest.intake import Intake, Message
from gateway.ingest.quarantine import KEPT_BYTES
from gateway.ingest.registry import Registry
from gateway.keys import GatewayKeys
from gateway.store.open import Store
from gateway.store.schema import quarantine
from wire import topics
from wire.cards.keyfile import SiteKeys
from wire.words import Fault


def listed(store: Store) -> list[Any]:
    """All of the quarantine, the newest first."""
    with store.reading() as connection:
        query = sa.select(quarantine).order_by(quarantine.c.last_ms.desc())
        return list(connection.execute(query))


def one(store: Store, digest: str) -> Any:
    """The payload whose SHA-256 begins with `digest`. Raises `Fault` if there is none, or more."""
    found = [row for row in listed(store) if row.sha256.startswith(digest.lower())]
    if len(found) != 1:
        raise Fault(
            f"隔离区中有 {len(found)} 项以 {digest!r} 开头；请用 list 查看，并给出更多位",
            f"{len(found)} payloads begin with {digest!r}; see `list`, and give more digits",
        )
    return found[0]


def again(
    store: Store, row: Any, keys: GatewayKeys, card_keys: SiteKeys | None = None
) -> str | None:
    """Tries a payload once more. None when it was taken, and is out of quarantine; else why not.

    `keys`: the gateway's own. `card_keys`: the site's, to check SUN messages by, as ingest does; None: they
    stay unverified.
    """
    if len(row.payload) >= KEPT_BYTES:
        return f"only its first {KEPT_BYTES} bytes were kept"
    place = topics.parse(row.topic)
    if isinstance(place, topics.Up) and place.kind == "photo":
        return "its unit sends a photo's bytes again by itself"
    intake = Intake(store, Registry(keys.authority), keys, lambda point: None, card_keys=card_keys)
    intake.take([Message(row.topic, row.payload)], time.time_ns() // 1_000_000)
    with store.changing() as connection:
        held = connection.execute(
            sa.select(quarantine).where(quarantine.c.sha256 == row.sha256)
        ).first()
        if held is not None and held.times > row.times:
            return str(held.reason)
        connection.execute(quarantine.delete().where(quarantine.c.sha256 == row.sha256))
    return None
