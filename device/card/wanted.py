"""What a card is to become at this site: its keys, and on an NTAG 424 DNA its SUN message. Pure but for its type."""

from msgspec import Struct

from device.card.facts import kind_of
from device.card.reader import Held
from hardware.cards import ntag424
from hardware.cards.nxp import NTAG424
from hardware.cards.settings import FileSettings
from wire.cards import keys
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import CardKeys, card_keys
from wire.cards.ring import Card
from wire.words import Fault

FACTORY_VERSION = 0
FACTORY_KEYS = CardKeys(*[bytes(16)] * 5)
UID_BYTES = 7
FAMILIES: dict[str, Card] = {
    NTAG424: "ntag424",
    "DESFire EV2": "desfire",
    "DESFire EV3": "desfire",
}
"""By what a card says of its type."""


class Ndef(Struct, frozen=True):
    """An NTAG 424 DNA's NDEF file and that file's settings."""

    content: bytes
    settings: FileSettings


class Wanted(Struct, frozen=True):
    """`known`: the keys that the card may have, by their version; it is to have those of `version`.

    `application`: the DESFire application that has them, None for an NTAG 424 DNA. `ndef` None: a
    DESFire's, or nothing is asked of it.
    """

    family: Card
    known: dict[int, CardKeys]
    version: int
    application: bytes | None = None
    ndef: Ndef | None = None

    @property
    def keys(self) -> CardKeys:
        """The keys that the card is to have."""
        return self.known[self.version]


def wanted(card: Held, site: SiteKeys) -> Wanted:
    """What `card` is to become, without SUN. Raises `Fault` for a card that no keys are made for."""
    kind = kind_of(card)
    family = FAMILIES.get(kind)
    if family is None:
        raise Fault(
            f"卡 {card.uid} 不是 NTAG 424 DNA 或 DESFire EV2/EV3（{kind}）；请换一张",
            f"card {card.uid} is no NTAG 424 DNA and no DESFire EV2 or EV3 ({kind}); take another",
        )
    if len(card.uid) != 2 * UID_BYTES:
        raise Fault(
            f"卡 {card.uid} 的 UID 不是 {UID_BYTES} 字节（随机 UID？）；请换一张",
            f"card {card.uid} does not show a UID of {UID_BYTES} bytes (a random one?); take another",
        )
    known = {one.version: card_keys(one.master, card.uid, family) for one in (site, *site.earlier)}
    known[FACTORY_VERSION] = FACTORY_KEYS
    application = keys.AIDS[keys.DESFIRE] if family == keys.DESFIRE else None
    return Wanted(family, known, site.version, application)


def ndef_under(url: str | None) -> Ndef:
    """A SUN message under `url`. Raises `Fault` for a URL that a card cannot have, or none."""
    if url is None:
        raise Fault(
            "NTAG 424 DNA 需要 --url：卡给出的网址",
            "an NTAG 424 DNA needs --url: the URL that it gives",
        )
    try:
        content, sdm = ntag424.sun_template(url)
    except ValueError as exc:
        raise Fault(
            f"--url {url!r} 不能写入卡：须为普通字符、不带 ? 及其后内容，且放得下",
            f"--url {url!r} does not go on a card: {exc}",
        ) from exc
    return Ndef(content, ntag424.wanted_settings(sdm))
