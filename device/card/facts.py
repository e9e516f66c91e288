"""What anybody may read of a card: its type, its URL, the versions of its keys, its SUN settings."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from device.card.reader import Held
from hardware.cards import desfire, ndef, ntag424, nxp, type4
from hardware.cards.examine import SPEAKS_14443_4
from hardware.cards.nxp import NTAG424
from hardware.cards.settings import FileSettings
from hardware.errors import CardRefused
from wire.cards.keys import AIDS, DESFIRE

SLOTS = range(5)
T = TypeVar("T")


class Facts(Struct, frozen=True):
    """None is what the card does not have or does not tell; `key_versions` are by slot, 0 on a new card.

    `application`: the settings (hex) of the site's application on a DESFire.
    """

    uid: str
    kind: str
    url: str | None = None
    key_versions: list[int] | None = None
    settings: FileSettings | None = None
    application: str | None = None


def read_facts(card: Held) -> Facts:
    """Asks the card. A card with SUN counts this as a reading. Raises the reader's errors."""
    kind = kind_of(card)
    if not card.sak & SPEAKS_14443_4:
        return Facts(card.uid, kind)
    url = _told(lambda: ndef.url_of(type4.read_message(card.exchange)))
    if kind != NTAG424:
        return _desfire(card, Facts(card.uid, kind, url))
    versions = _key_versions(card)
    settings = _told(lambda: ntag424.get_settings(card.exchange))
    return Facts(card.uid, kind, url, versions, settings)


def _desfire(card: Held, facts: Facts) -> Facts:
    """Adds the site's application, if the card is a DESFire and has it."""
    if not _told(lambda: desfire.has_application(card.exchange, AIDS[DESFIRE])):
        return facts
    settings = _told(lambda: desfire.get_settings(card.exchange).hex())
    return replace(facts, key_versions=_key_versions(card), application=settings)


def _key_versions(card: Held) -> list[int] | None:
    return _told(lambda: [nxp.key_version(card.exchange, slot) for slot in SLOTS])


def kind_of(card: Held) -> str:
    """`NTAG 424 DNA`, `DESFire …`, or what else the card shows of its type. Raises the reader's errors."""
    if not card.sak & SPEAKS_14443_4:
        return f"SAK {card.sak:02x}, UID only"
    return _told(lambda: nxp.get_version(card.exchange)) or f"SAK {card.sak:02x}"


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except CardRefused:
        return None
