"""What a card is to become at this site: its keys, and on an NTAG 424 DNA its SUN message. Pure but for its type."""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

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

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
WEB = re.compile(
    rf"https?://(?:{LABEL}(?:\.{LABEL})*|\[[0-9a-f:.]+\])(?::[0-9]+)?"
    r"(?:/(?:[a-z0-9._~!$'()*+,;=:@/-]|%[0-9a-f]{2})*)?",
    re.IGNORECASE,
)
"""What a phone opens in its browser, without a query (RFC 3986, RFC 1123)."""


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
    if not _opens(url):
        raise Fault(
            f"--url {url!r} 不是手机能打开的网址；须为 https:// 或 http://、主机名与路径，不带 ? 及其后内容，"
            "例如 https://patrol.example/t",
            f"--url {url!r} is no URL that a phone opens: give https:// or http://, a host and a path, "
            "without ? and what follows it, for example https://patrol.example/t",
        )
    try:
        content, sdm = ntag424.sun_template(url)
    except ValueError as exc:
        raise Fault(
            f"--url {url!r} 放不进卡；请换一个短的",
            f"--url {url!r} does not go on a card: {exc}; take a shorter one",
        ) from exc
    return Ndef(content, ntag424.wanted_settings(sdm))


def _opens(url: str) -> bool:
    if not WEB.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        if url.partition("//")[2].startswith("["):
            IPv6Address(parts.hostname or "")
        return parts.port != 0
    except ValueError:
        return False
