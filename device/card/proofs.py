"""Whether a card proves itself with the site's keys, as units and gateway will ask it to."""

from msgspec import Struct

from device.card.reader import Held
from hardware.cards import ndef, type4
from hardware.cards.desfire import has_application
from hardware.cards.ev2 import NotGenuine
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
        if application is None:
            type4.select_application(card.exchange)
        elif not has_application(card.exchange, application):
            return Words("没有本站点的应用", "it has no application of the site")
        authenticate(card.exchange, AUTH, keys.auth)
    except (CardRefused, NotGenuine) as exc:
        return Words(f"密钥 {AUTH} 不符：{exc}", f"key {AUTH} does not hold: {exc}")
    return None
