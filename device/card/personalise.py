"""Makes a new card a card of the site, a step at a time, and goes on where an earlier run ended.

Steps, in their order: on a DESFire `application`; on an NTAG 424 DNA `ndef`, `settings`; then on both
`key 4` … `key 1`, `key 0`. Key 0 comes last, since it is what opens the card to all the others; which
keys are changed already, their versions say.
"""

from collections.abc import Callable

from msgspec import Struct

from device.card.facts import SLOTS
from device.card.proofs import selected
from device.card.wanted import FACTORY_VERSION, Ndef, Wanted
from hardware.cards import desfire, ntag424, nxp
from hardware.cards.apdu import Exchange, StatusError
from hardware.cards.ev2 import NotGenuine
from hardware.cards.session import Session, authenticate
from hardware.cards.settings import BadSettings, FileSettings
from hardware.errors import CardRefused
from wire.cards.keys import CHANGE
from wire.words import Fault


class Work(Struct, frozen=True):
    """A card that was surveyed: its keys' versions by slot, and the steps that are left."""

    exchange: Exchange
    wanted: Wanted
    versions: tuple[int, ...]
    left: tuple[str, ...]


def survey(exchange: Exchange, wanted: Wanted) -> Work:
    """What is left to do; changes nothing. Each key is tried that the card is to have by its version.

    Raises `Fault` where one is none that the card may have, and the reader's errors.
    """
    if not _ours(exchange, wanted):
        versions: tuple[int, ...] = (FACTORY_VERSION,) * len(SLOTS)
        return Work(exchange, wanted, versions, ("application", *_keys_left(wanted, versions)))
    versions = tuple(nxp.key_version(exchange, slot) for slot in SLOTS)
    settings = _settings(exchange) if wanted.ndef else None
    for slot in reversed(SLOTS):
        session = _authenticated(exchange, wanted, slot, versions[slot])
    left = _ndef_left(session, settings, wanted.ndef) if wanted.ndef else []
    return Work(exchange, wanted, versions, (*left, *_keys_left(wanted, versions)))


def _keys_left(wanted: Wanted, versions: tuple[int, ...]) -> list[str]:
    return [f"key {slot}" for slot in reversed(SLOTS) if versions[slot] != wanted.version]


def _ours(exchange: Exchange, wanted: Wanted) -> bool:
    """Selects what has the keys; False where it is still to be made. Raises `Fault` for another's."""
    if not selected(exchange, wanted.application):
        return False
    if wanted.application is None:
        return True
    found = _settings_of_application(exchange)
    if found != desfire.SETTINGS:
        raise _foreign(
            f"应用 {wanted.application.hex()}",
            f"application {wanted.application.hex()}",
            found.hex(),
        )
    return True


def _settings_of_application(exchange: Exchange) -> bytes:
    try:
        return desfire.get_settings(exchange)
    except StatusError:
        return b""


def _ndef_left(session: Session, settings: FileSettings | None, ndef: Ndef) -> list[str]:
    left = []
    if ntag424.read_ndef(session, len(ndef.content)) != ndef.content:
        left.append("ndef")
    if settings != ndef.settings:
        left.append("settings")
    return left


def _settings(exchange: Exchange) -> FileSettings | None:
    try:
        return ntag424.get_settings(exchange)
    except BadSettings:
        return None


def _authenticated(exchange: Exchange, wanted: Wanted, slot: int, version: int) -> Session:
    keys = wanted.known.get(version)
    if keys is None:
        raise _foreign(f"密钥 {slot}", f"key {slot}", f"version {version}")
    try:
        return authenticate(exchange, slot, keys.slots[slot])
    except (CardRefused, NotGenuine) as exc:
        raise _foreign(f"密钥 {slot}", f"key {slot}", str(exc)) from exc


def _foreign(zh: str, en: str, why: str) -> Fault:
    return Fault(
        f"{zh} 既不是新卡的，也不是此密钥文件的（{why}）；未作改动，请换一张卡或换密钥文件",
        f"{en} is neither a new card's nor this key file's ({why}); nothing was changed: take "
        "another card or the right key file",
    )


def carry_out(work: Work, did: Callable[[str], None]) -> None:
    """Does the steps that are left, and tells of each once it is done.

    Raises `Fault` where a DESFire has no place for the application, and the reader's errors.
    """
    left, wanted = list(work.left), work.wanted
    if not left:
        return
    if left[0] == "application" and wanted.application:
        _make(work.exchange, wanted.application)
        did(left.pop(0))
    session = _authenticated(work.exchange, wanted, CHANGE, work.versions[CHANGE])
    for step in left:
        if step.startswith("key "):
            _change_key(work, session, int(step.removeprefix("key ")))
        elif wanted.ndef:
            _write(session, step, wanted.ndef)
        did(step)


def _make(exchange: Exchange, application: bytes) -> None:
    try:
        desfire.create_application(exchange, application)
    except StatusError as exc:
        raise Fault(
            f"卡上不能新建应用：{exc}；请换一张新卡，或请该卡的发行者放开",
            f"no application can be made on this card: {exc}; take a new card, or ask who issued this one",
        ) from exc


def _write(session: Session, step: str, ndef: Ndef) -> None:
    if step == "ndef":
        ntag424.write_ndef(session, ndef.content)
    else:
        ntag424.change_settings(session, ndef.settings)


def _change_key(work: Work, session: Session, slot: int) -> None:
    new, version = work.wanted.keys.slots[slot], work.wanted.version
    if slot == CHANGE:
        nxp.change_own_key(session, new, version)
    else:
        old = work.wanted.known[work.versions[slot]].slots[slot]
        nxp.change_key(session, slot, old, new, version)
