"""Which keys a card of the site holds, each derived from the site's master key and the card's UID."""

from msgspec import Struct

from wire.cards.diversify import diversify
from wire.cards.sun import SunKeys

NTAG424 = "ntag424"
DESFIRE = "desfire"
SYSTEM = b"xunkong"
"""AN10922's system identifier: keys of another system with the same master are others."""

AIDS = {NTAG424: bytes.fromhex("000000"), DESFIRE: bytes.fromhex("584b31")}
"""By family: NTAG 424 DNA has no DESFire application; the other is the site's own, `XK1`."""

CHANGE, META, FILE, AUTH, SPARE = range(5)
"""The key slots of a card: who may change it, PICC data, SUN, a unit's authentication, not in use."""


class CardKeys(Struct, frozen=True):
    """The five keys of one card, by slot. Only `meta`, `file` and `auth` ever leave the gateway."""

    change: bytes
    meta: bytes
    file: bytes
    auth: bytes
    spare: bytes

    @property
    def slots(self) -> tuple[bytes, ...]:
        """The keys in the order of their slots."""
        return (self.change, self.meta, self.file, self.auth, self.spare)

    @property
    def sun(self) -> SunKeys:
        """What verifies this card's SUN messages."""
        return SunKeys(self.meta, self.file)

    def __repr__(self) -> str:
        return "CardKeys(…)"


def card_keys(master: bytes, uid: str, family: str = NTAG424) -> CardKeys:
    """The keys of the card with this UID (hex, 7 bytes). Raises ValueError for another UID.

    Each is AN10922's key for UID, application, system and slot; but `meta` is the whole site's:
    whoever opens PICC data does not know the UID yet. It shows UIDs, and proves nothing.
    """
    number = bytes.fromhex(uid)
    if len(number) != 7:
        raise ValueError(f"keys are diversified by a UID of 7 bytes, not {len(number)}")
    own = [diversify(master, number + AIDS[family] + SYSTEM + bytes((slot,))) for slot in range(5)]
    own[META] = meta_key(master)
    return CardKeys(*own)


def meta_key(master: bytes) -> bytes:
    """The site's key of PICC data."""
    return diversify(master, SYSTEM + b" picc data")
