"""Makes an NTAG 424 DNA a card of the site, a step at a time, and goes on where an earlier run ended.

Steps, in their order: `ndef`, `settings`, `key 4` … `key 1`, `key 0`. Key 0 comes last, since it is
what opens the card to all the others; which keys are changed already, their versions say.
"""

from collections.abc import Callable

from msgspec import Struct

from device.card.facts import NTAG424, SLOTS, kind_of
from device.card.reader import Held
from hardware.cards import ntag424, type4
from hardware.cards.apdu import Exchange
from hardware.cards.ev2 import NotGenuine
from hardware.cards.session import Session, authenticate
from hardware.cards.settings import BadSettings, FileSettings
from hardware.errors import CardRefused
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import CHANGE, CardKeys, card_keys
from wire.words import Fault

FACTORY_KEY, FACTORY_VERSION = bytes(16), 0
UID_BYTES = 7


class Wanted(Struct, frozen=True):
    """What the card is to become: its NDEF file, that file's settings, its keys and their version."""

    content: bytes
    settings: FileSettings
    keys: CardKeys
    version: int


class Work(Struct, frozen=True):
    """A card that was surveyed: the session with its key 0, and the steps that are left."""

    wanted: Wanted
    session: Session
    left: tuple[str, ...]


def keys_of(card: Held, site: SiteKeys) -> CardKeys:
    """The keys that the card must have at this site. Raises `Fault` for a card that none are made for."""
    kind = kind_of(card)
    if kind != NTAG424:
        raise Fault(
            f"卡 {card.uid} 不是 NTAG 424 DNA（{kind}）；请换一张",
            f"card {card.uid} is no NTAG 424 DNA ({kind}); take another",
        )
    if len(card.uid) != 2 * UID_BYTES:
        raise Fault(
            f"卡 {card.uid} 的 UID 不是 {UID_BYTES} 字节（随机 UID？）；请换一张",
            f"card {card.uid} does not show a UID of {UID_BYTES} bytes (a random one?); take another",
        )
    return card_keys(site.master, card.uid)


def wanted(site: SiteKeys, keys: CardKeys, url: str) -> Wanted:
    """What a card with these keys is to become. Raises `Fault` for a URL that a card cannot have."""
    try:
        content, sdm = ntag424.sun_template(url)
    except ValueError as exc:
        raise Fault(
            f"--url {url!r} 不能写入卡：须为普通字符、不带 ? 及其后内容，且放得下",
            f"--url {url!r} does not go on a card: {exc}",
        ) from exc
    return Wanted(content, ntag424.wanted_settings(sdm), keys, site.version)


def survey(exchange: Exchange, wanted: Wanted) -> Work:
    """What is left to do; changes nothing. Each key is tried that the card is to have by its version.

    Raises `Fault` where one is neither a new card's nor this site's, and the reader's errors.
    """
    type4.select_application(exchange)
    settings = _settings(exchange)
    versions = [ntag424.key_version(exchange, slot) for slot in SLOTS]
    for slot in reversed(SLOTS):
        session = _authenticated(exchange, wanted, slot, versions[slot])
    left = []
    if ntag424.read_ndef(session, len(wanted.content)) != wanted.content:
        left.append("ndef")
    if settings != wanted.settings:
        left.append("settings")
    left += [f"key {slot}" for slot in reversed(SLOTS) if versions[slot] == FACTORY_VERSION]
    return Work(wanted, session, tuple(left))


def _settings(exchange: Exchange) -> FileSettings | None:
    try:
        return ntag424.get_settings(exchange)
    except BadSettings:
        return None


def _authenticated(exchange: Exchange, wanted: Wanted, slot: int, version: int) -> Session:
    keys = {FACTORY_VERSION: FACTORY_KEY, wanted.version: wanted.keys.slots[slot]}
    if version not in keys:
        raise _foreign(slot, f"version {version}")
    try:
        return authenticate(exchange, slot, keys[version])
    except (CardRefused, NotGenuine) as exc:
        raise _foreign(slot, str(exc)) from exc


def _foreign(slot: int, why: str) -> Fault:
    return Fault(
        f"密钥 {slot} 既不是新卡的，也不是此密钥文件的（{why}）；未作改动，请换一张卡或换密钥文件",
        f"key {slot} is neither a new card's nor this key file's ({why}); nothing was changed: take "
        "another card or the right key file",
    )


def carry_out(work: Work, did: Callable[[str], None]) -> None:
    """Does the steps that are left, and tells of each once it is done. Raises the reader's errors."""
    for step in work.left:
        if step == "ndef":
            ntag424.write_ndef(work.session, work.wanted.content)
        elif step == "settings":
            ntag424.change_settings(work.session, work.wanted.settings)
        else:
            _change_key(work, int(step.removeprefix("key ")))
        did(step)


def _change_key(work: Work, slot: int) -> None:
    new, version = work.wanted.keys.slots[slot], work.wanted.version
    if slot == CHANGE:
        ntag424.change_own_key(work.session, new, version)
    else:
        ntag424.change_key(work.session, slot, FACTORY_KEY, new, version)
