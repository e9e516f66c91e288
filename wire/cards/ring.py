"""The card keys that one unit holds: as they travel, sealed, and as the unit uses them, in memory alone."""

from collections.abc import Collection, Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from wire.cards.keyfile import SiteKeys
from wire.limits import Uid
from wire.records import Proof
from wire.words import Fault

PURPOSE = "card keys"
Key = Annotated[bytes, Meta(min_length=16, max_length=16)]
Card = Literal["uid", "ntag424", "desfire"]
"""What a badge is made of: one that has a UID and no more, or one of the families that prove themselves."""


class KeyRing(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """By UID: `sun` verifies a card's SUN messages, `ev2` and `desfire` authenticate it, `meta` opens PICC data.

    `ev2` are of NTAG 424 DNA, `desfire` of DESFire, which has the key in an application of the site's own.
    `roster`: the key of the digests by which badges and duty cards are named; None: an empty one.
    `meta` is None where the site's cards show UID and counter in clear. `version`: of the master key that
    they are derived from, which is written on a card beside its keys. `earlier`: the same cards' keys by
    masters before it, while cards are moved from one to the next; the newest first.
    """

    sun: dict[Uid, Key] = {}
    ev2: dict[Uid, Key] = {}
    desfire: dict[Uid, Key] = {}
    meta: Key | None = None
    roster: Key | None = None
    version: Annotated[int, Meta(ge=1, le=255)] = 1
    earlier: tuple["KeyRing", ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sun or self.ev2 or self.desfire)

    def __repr__(self) -> str:
        return f"KeyRing({len(self.sun)} sun, {len(self.ev2)} ev2, {len(self.desfire)} desfire)"


NO_KEYS = KeyRing()


def site_ring(
    site: SiteKeys, cards: Collection[tuple[str, Card]], least: Proof, meta: bool
) -> KeyRing:
    """As `ring`, of all master keys that cards of the site may be made with. Raises ValueError."""
    rings = [
        replace(ring(one.master, cards, least, meta), version=one.version)
        for one in (site, *site.earlier)
    ]
    return replace(rings[0], earlier=tuple(rings[1:]))


def ring(master: bytes, cards: Iterable[tuple[str, Card]], least: Proof, meta: bool) -> KeyRing:
    """The keys that a unit needs for these cards (UID, family), and no others.

    A card gives one proof: SUN where it can and where that is enough, else EV2. Raises ValueError for a
    UID that no key is made for (other than 7 bytes).
    """
    from wire.cards.keys import DESFIRE, card_keys, meta_key

    sun: dict[str, bytes] = {}
    ev2: dict[str, bytes] = {}
    desfire: dict[str, bytes] = {}
    for uid, family in cards:
        if family == "ntag424" and least != "ev2":
            sun[uid] = card_keys(master, uid).file
        elif family == "ntag424":
            ev2[uid] = card_keys(master, uid).auth
        elif family == "desfire":
            desfire[uid] = card_keys(master, uid, DESFIRE).auth
    return KeyRing(sun, ev2, desfire, meta_key(master) if sun and meta else None)


def encode(keys: KeyRing) -> bytes:
    """What is to be sealed."""
    return msgspec.msgpack.encode(keys)


def decode(text: bytes) -> KeyRing:
    """The keys that were sealed. Raises `Fault`, which tells nothing of what stands there."""
    try:
        return msgspec.msgpack.decode(text, type=KeyRing)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Fault(
            "密封的卡密钥不是本版本认识的内容；请使网关与单元的版本一致后重新发布",
            "the sealed card keys are not what this version knows; bring gateway and unit to the same "
            "version and push again",
        ) from None
