"""What anybody may read of a card: its type, its URL, the versions of its keys, its SUN settings."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from device.card.reader import Held
from hardware.cards import ndef, ntag424, type4
from hardware.cards.examine import SPEAKS_14443_4
from hardware.cards.settings import FileSettings
from hardware.errors import CardRefused

NTAG424 = "NTAG 424 DNA"
SLOTS = range(5)
T = TypeVar("T")


class Facts(Struct, frozen=True):
    """None is what the card does not have or does not tell; `key_versions` are by slot, 0 on a new card."""

    uid: str
    kind: str
    url: str | None = None
    key_versions: list[int] | None = None
    settings: FileSettings | None = None


def read_facts(card: Held) -> Facts:
    """Asks the card. A card with SUN counts this as a reading. Raises the reader's errors."""
    kind = kind_of(card)
    if not card.sak & SPEAKS_14443_4:
        return Facts(card.uid, kind)
    url = _told(lambda: ndef.url_of(type4.read_message(card.exchange)))
    if kind != NTAG424:
        return Facts(card.uid, kind, url)
    versions = _told(lambda: [ntag424.key_version(card.exchange, slot) for slot in SLOTS])
    settings = _told(lambda: ntag424.get_settings(card.exchange))
    return Facts(card.uid, kind, url, versions, settings)


def kind_of(card: Held) -> str:
    """`NTAG 424 DNA`, `DESFire …`, or what else the card shows of its type. Raises the reader's errors."""
    if not card.sak & SPEAKS_14443_4:
        return f"SAK {card.sak:02x}, UID only"
    return _told(lambda: ntag424.get_version(card.exchange)) or f"SAK {card.sak:02x}"


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except CardRefused:
        return None
