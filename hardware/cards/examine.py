"""What a card at the reader proves: the strongest of EV2, SUN and its bare UID, and why not a stronger.

UID: anybody can copy it. SUN: the raw URL, for whoever has the keys to verify; as proof of a tap only,
not of now. EV2: the card has the key that is diversified for this UID, now.
"""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, Protocol

from msgspec import Struct

from hardware.cards import ndef, type4
from hardware.cards.apdu import DONE, WRONG_KEY, Exchange, StatusError, ask, native
from hardware.cards.ev2 import NotGenuine
from hardware.cards.nxp import key_version
from hardware.cards.session import authenticate
from hardware.errors import CardRefused, HardwareError

SPEAKS_14443_4 = 0x20
"""The bit of SAK that says so."""

MOST_S = 0.35
"""No command is begun later than this after the first: an officer waits for the beep."""

Proof = Literal["uid", "sun", "ev2"]
NO_OTHERS: Mapping[int, bytes] = MappingProxyType({})


class Target(Protocol):
    """What the reader tells of a card (`hardware.pn532.commands.Target`)."""

    @property
    def uid(self) -> str: ...

    @property
    def sak(self) -> int: ...


class CardKey(Struct, frozen=True):
    """The key that a card must have: its number, and the DESFire application that it is in.

    `application` None: it is an NTAG 424 DNA, whose keys are in its NDEF application. `earlier`: keys that
    it may still have instead, by the version that is written on the card beside its key; it is asked for
    that only where there are any.
    """

    key: bytes
    number: int = 3
    application: bytes | None = None
    earlier: Mapping[int, bytes] = NO_OTHERS

    def __repr__(self) -> str:
        return "CardKey(…)"


class Evidence(Struct, frozen=True):
    """`proof` is `ev2` only where the card has shown its key; `sun` is the raw URL, not yet verified.

    `failed`: why a stronger proof than `proof` was tried in vain, None where none was to be tried. A
    card for which there is a key and that gives less than `ev2` always says so here. `forged`: it went
    through the authentication to its end and does not have the key, so it is not the card that it claims.
    A card that was torn away, was too slow, or does not begin is not called so.
    """

    proof: Proof
    sun: str | None = None
    failed: str | None = None
    forged: bool = False


class _TooSlow(HardwareError):
    """The time for one card is used up."""


KeyFor = Callable[[str], CardKey | None]


def examine(
    exchange: Exchange,
    target: Target,
    key_for: KeyFor,
    now_s: Callable[[], float] = time.monotonic,
) -> Evidence:
    """Asks the card for the strongest proof that there is a key for, else its SUN URL, else its UID.

    Raises the reader's own errors (`CardGone` where the card was taken away, `PartSilent`, …): then
    nothing is proven, and the card is to be examined anew.
    """
    key = key_for(target.uid)
    if not target.sak & SPEAKS_14443_4:
        return Evidence(
            "uid", failed="enrolled with a key, and it takes no commands" if key else None
        )
    bounded = _bounded(exchange, now_s)
    failed = None
    if key:
        try:
            _ev2(bounded, key)
            return Evidence("ev2")
        except (CardRefused, NotGenuine, _TooSlow) as exc:
            failed = f"not proven by its key: {exc}"
            if _is_forged(exc):
                return Evidence("uid", failed=failed, forged=True)
    try:
        return Evidence("sun", ndef.url_of(type4.read_message(bounded)), failed)
    except (CardRefused, _TooSlow) as exc:
        return Evidence("uid", failed=failed or f"no SUN message: {exc}")


def _ev2(exchange: Exchange, key: CardKey) -> None:
    """Returns where the card has the key. Raises `CardRefused`, `NotGenuine`, `_TooSlow`."""
    if key.application is None:
        type4.select_application(exchange)
    else:
        ask(exchange, native(0x5A, key.application), "our application", DONE)
    right = key.key
    if key.earlier:
        right = key.earlier.get(key_version(exchange, key.number), key.key)
    authenticate(exchange, key.number, right)


def _is_forged(exc: HardwareError) -> bool:
    return isinstance(exc, NotGenuine) or (isinstance(exc, StatusError) and exc.status == WRONG_KEY)


def _bounded(exchange: Exchange, now_s: Callable[[], float]) -> Exchange:
    end_s = now_s() + MOST_S

    def one(command: bytes) -> bytes:
        if now_s() >= end_s:
            raise _TooSlow(f"the card took longer than {MOST_S * 1000:.0f} ms")
        return exchange(command)

    return one
