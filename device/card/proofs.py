"""Whether a card proves itself with the site's keys, as units and gateway will ask it to."""

from msgspec import Struct

from device.card.reader import Held
from device.card.wanted import FACTORY_VERSION, Wanted
from hardware.cards import ndef, type4
from hardware.cards.apdu import Exchange
from hardware.cards.desfire import has_application
from hardware.cards.ev2 import NotGenuine
from hardware.cards.nxp import key_version
from hardware.cards.session import authenticate
from hardware.errors import CardRefused
from wire.cards.keys import AUTH, CardKeys
from wire.cards.sun import BadSun, parse, verify
from wire.words import Words


class Tried(Struct, frozen=True):
    """One proof that was tried: `sun` or `ev2`; `failed` says why it does not hold, None where it does."""

    proof: str
    failed: Words | None = None


def prove(card: Held, keys: CardKeys, application: bytes | None = None) -> list[Tried]:
    """SUN first, as a card gives no such message once a key is authenticated. Raises the reader's errors.

    `application`: a DESFire's, which has no SUN; None: the card is an NTAG 424 DNA.
    """
    sun = [] if application else [Tried("sun", _sun(card, keys))]
    return [*sun, Tried("ev2", _ev2(card, keys, application))]


def version_on(card: Held, wanted: Wanted) -> int:
    """Of the site's versions the one of the card's key for units; the newest where it has none of them.

    Raises the reader's errors.
    """
    try:
        if selected(card.exchange, wanted.application):
            found = key_version(card.exchange, AUTH)
            return found if found in wanted.known and found != FACTORY_VERSION else wanted.version
    except CardRefused:
        pass
    return wanted.version


def selected(exchange: Exchange, application: bytes | None) -> bool:
    """Selects what holds a card's keys; False where a DESFire has no such application. Raises `StatusError`."""
    if application is not None:
        return has_application(exchange, application)
    type4.select_application(exchange)
    return True


def _sun(card: Held, keys: CardKeys) -> Words | None:
    try:
        tap = verify(parse(ndef.url_of(type4.read_message(card.exchange))), keys.sun)
    except BadSun as exc:
        return exc.words
    except CardRefused as exc:
        return Words(f"没有 SUN 消息：{exc}", f"no SUN message: {exc}")
    if tap.uid != card.uid:
        return Words(f"SUN 消息属于卡 {tap.uid}", f"the SUN message is of card {tap.uid}")
    return None


def _ev2(card: Held, keys: CardKeys, application: bytes | None) -> Words | None:
    try:
        if not selected(card.exchange, application):
            return Words("没有本站点的应用", "it has no application of the site")
        authenticate(card.exchange, AUTH, keys.auth)
    except (CardRefused, NotGenuine) as exc:
        return Words(f"密钥 {AUTH} 不符：{exc}", f"key {AUTH} does not hold: {exc}")
    return None
