"""What the city wants of one unit: as the gateway keeps it, with cards by UID, and as the unit is told.

On a unit no badge lies in clear: its roster has keyed digests, and the digests' key and the cards' own keys
travel sealed to the unit's own key, new ones each time.
"""

import secrets
import time
from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import asdict, replace

from wire.cards.digest import card_digest
from wire.cards.keyfile import SiteKeys
from wire.cards.ring import NO_KEYS, PURPOSE, Card, KeyRing, encode, site_ring
from wire.limits import AtMs, Name, Uid
from wire.orders import MAX_BADGES, MAX_DUTIES, Badge, DutyCard, UnitConfig, UnitRules
from wire.seal import seal
from wire.words import Fault

KEY_BYTES = 16


class RosterBadge(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A badge by its UID; `card`: what it is made of. The rest as in `wire.orders.Badge`."""

    uid: Uid
    person: Name
    role: Name = "officer"
    valid_from_ms: AtMs | None = None
    valid_to_ms: AtMs | None = None
    revoked: bool = False
    duress: bool = False
    welfare_s: Annotated[float, Meta(ge=60, le=86_400)] | None = None
    card: Card = "uid"


class RosterDuty(Struct, frozen=True, forbid_unknown_fields=True):
    """A tag that stands for a duty, by its UID."""

    uid: Uid
    duty: Name


class Wanted(UnitRules, frozen=True, kw_only=True):
    """What the city wants of one unit; the whole of it."""

    badges: Annotated[list[RosterBadge], Meta(max_length=MAX_BADGES)] = field(default_factory=list)
    duties: Annotated[list[RosterDuty], Meta(max_length=MAX_DUTIES)] = field(default_factory=list)

    @property
    def has_cards(self) -> bool:
        """Whether anything must be sealed for the unit."""
        return bool(self.badges or self.duties)


class WantedMessage(Struct, frozen=True):
    """One version of it, as the store keeps it."""

    v: Literal[1]
    unit: Name
    version: Annotated[int, Meta(ge=1, le=2**53)]
    config: Wanted


def for_unit(
    wanted: Wanted, unit: str, public: str, site: SiteKeys | None, sealed_picc: bool = True
) -> UnitConfig:
    """What `unit` is told, sealed to its `public` key (hex).

    `site`: the site's card keys, None where it has none; `sealed_picc`: whether its cards hide their UID in
    SUN messages. Raises `Fault` where a key is wanting or is none.
    """
    rules = {name: getattr(wanted, name) for name in UnitRules.__struct_fields__}
    if not wanted.has_cards:
        return UnitConfig(**rules)
    key = secrets.token_bytes(KEY_BYTES)
    ring = replace(_card_keys(wanted, site, sealed_picc), roster=key)
    return UnitConfig(
        **rules,
        card_keys=seal(encode(ring), public, unit, PURPOSE),
        badges=[_badge(badge, key) for badge in wanted.badges],
        duties=[DutyCard(card_digest(key, duty.uid), duty.duty) for duty in wanted.duties],
    )


def _badge(badge: RosterBadge, key: bytes) -> Badge:
    fields = asdict(badge)
    del fields["uid"], fields["card"]
    return Badge(card_digest(key, badge.uid), **fields)


def keyed(badges: Iterable[RosterBadge], now_ms: int) -> list[tuple[str, Card]]:
    """The badges that prove themselves and may be let in (UID, family): the unit needs their keys."""
    return [
        (badge.uid, badge.card)
        for badge in badges
        if badge.card != "uid" and not badge.revoked and (badge.valid_to_ms or now_ms) >= now_ms
    ]


def _card_keys(wanted: Wanted, site: SiteKeys | None, sealed_picc: bool) -> KeyRing:
    needed = keyed(wanted.badges, time.time_ns() // 1_000_000)
    if not needed:
        return NO_KEYS
    if site is None:
        raise Fault(
            "花名册中有带密钥的卡，但 gateway.toml 没有 [cards] keys；请用 xunkong card keys new 新建并填入",
            "the roster has cards with keys, and gateway.toml no [cards] keys; make the file with "
            "xunkong card keys new, and name it there",
        )
    try:
        return site_ring(site, needed, wanted.least_proof, sealed_picc)
    except ValueError as exc:
        raise Fault(
            f"[[badge]] card：能证明自身的卡 UID 为 7 字节（{exc}）",
            f"[[badge]] card: a card that proves itself has a UID of 7 bytes ({exc})",
        ) from exc
