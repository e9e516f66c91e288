"""EV2 authentication and secure messaging, the maths of both sides. Pure.

Source: NXP NT4H2421Gx 9.1 (the same for DESFire EV2 and EV3), AES. A session is its keys, its
transaction identifier TI and a command counter, which both sides count and never send.
"""

import hmac
from typing import Literal

from msgspec import Struct

from hardware.cards.aes import BLOCK, cmac, decrypt, encrypt, short_mac
from hardware.errors import HardwareError

Mode = Literal["plain", "mac", "full"]
"""How a command and its answer travel: as they are, with a MAC, or encrypted and with a MAC."""

MAC = 8
LAST_COUNTER = 0xFFFF
NO_CAPABILITIES = bytes(6)

_FOR_ENC, _FOR_MAC = bytes.fromhex("a55a00010080"), bytes.fromhex("5aa500010080")
_TO_CARD, _TO_HOST = bytes.fromhex("a55a"), bytes.fromhex("5aa5")


class NotGenuine(HardwareError):
    """The other side does not have the key, or somebody changed what it said: believe nothing of it."""


class SessionKeys(Struct, frozen=True):
    """What both sides share after an authentication."""

    enc: bytes
    mac: bytes
    ti: bytes

    def __repr__(self) -> str:
        return "SessionKeys(…)"


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes, ti: bytes) -> SessionKeys:
    """The keys of the session that begins with these random numbers (9.1.7)."""
    mixed = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    context = rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
    return SessionKeys(cmac(key, _FOR_ENC + context), cmac(key, _FOR_MAC + context), ti)


def _rotated(number: bytes) -> bytes:
    return number[1:] + number[:1]


# The host


def answer_challenge(key: bytes, challenge: bytes, rnd_a: bytes) -> tuple[bytes, bytes]:
    """What the host answers to a card's `challenge`, and the card's random number that was in it.

    `rnd_a`: 16 random bytes, never used before. Raises `NotGenuine` for a challenge of another length.
    """
    if len(challenge) != BLOCK:
        raise NotGenuine(f"a challenge of {len(challenge)} bytes")
    rnd_b = decrypt(key, challenge)
    return encrypt(key, rnd_a + _rotated(rnd_b)), rnd_b


def finish(key: bytes, rnd_a: bytes, rnd_b: bytes, sealed: bytes) -> SessionKeys:
    """The session, once the card has shown by `sealed` that it could open `rnd_a`. Raises `NotGenuine`."""
    if len(sealed) != 2 * BLOCK:
        raise NotGenuine(f"a last answer of {len(sealed)} bytes")
    plain = decrypt(key, sealed)
    ti, rotated, asked = plain[:4], plain[4:20], plain[26:]
    if not hmac.compare_digest(rotated + asked, _rotated(rnd_a) + NO_CAPABILITIES):
        raise NotGenuine("the last answer was not made with this key, or not for this challenge")
    return session_keys(key, rnd_a, rnd_b, ti)


# The card


def challenge(key: bytes, rnd_b: bytes) -> bytes:
    """What the card asks the host to open."""
    return encrypt(key, rnd_b)


def check_answer(key: bytes, rnd_b: bytes, sealed: bytes) -> bytes:
    """The host's random number, once it has shown that it opened `rnd_b`. Raises `NotGenuine`."""
    if len(sealed) != 2 * BLOCK:
        raise NotGenuine(f"an answer of {len(sealed)} bytes")
    plain = decrypt(key, sealed)
    if not hmac.compare_digest(plain[BLOCK:], _rotated(rnd_b)):
        raise NotGenuine("the answer was not made with this key, or not for this challenge")
    return plain[:BLOCK]


def last_answer(key: bytes, rnd_a: bytes, ti: bytes) -> bytes:
    """By which the card shows that it could open `rnd_a`, and names the session; no capabilities."""
    return encrypt(key, ti + _rotated(rnd_a) + 2 * NO_CAPABILITIES)


# Messages; `counter` is the session's when the command is sent, for the answer one more


def command_mac(keys: SessionKeys, counter: int, ins: int, body: bytes) -> bytes:
    """The MAC over a command: its code, then header and (encrypted) data."""
    return _message_mac(keys, counter, ins, body)


def answer_mac(keys: SessionKeys, counter: int, status: int, body: bytes) -> bytes:
    """The MAC over an answer: the second byte of its status word, then its (encrypted) data."""
    return _message_mac(keys, counter, status, body)


def _message_mac(keys: SessionKeys, counter: int, first: int, body: bytes) -> bytes:
    return short_mac(keys.mac, bytes((first,)) + counter.to_bytes(2, "little") + keys.ti + body)


def seal(keys: SessionKeys, counter: int, plain: bytes, to_card: bool) -> bytes:
    """Encrypts a command's or an answer's data; none stays none."""
    if not plain:
        return b""
    padded = plain + b"\x80" + bytes(-(len(plain) + 1) % BLOCK)
    return encrypt(keys.enc, padded, _iv(keys, counter, to_card))


def unseal(keys: SessionKeys, counter: int, sealed: bytes, to_card: bool) -> bytes:
    """The reverse of `seal`. Raises `NotGenuine` for what is not so padded."""
    if not sealed:
        return b""
    if len(sealed) % BLOCK:
        raise NotGenuine(f"{len(sealed)} bytes of sealed data")
    plain, mark, rest = decrypt(keys.enc, sealed, _iv(keys, counter, to_card)).rpartition(b"\x80")
    if not mark or rest.strip(b"\x00") or len(rest) >= BLOCK:
        raise NotGenuine("sealed data without their padding")
    return plain


def _iv(keys: SessionKeys, counter: int, to_card: bool) -> bytes:
    label = _TO_CARD if to_card else _TO_HOST
    return encrypt(keys.enc, (label + keys.ti + counter.to_bytes(2, "little")).ljust(BLOCK, b"\0"))


def split_mac(body: bytes) -> tuple[bytes, bytes]:
    """What a body says, and the MAC behind it. Raises `NotGenuine` where there is no room for one."""
    if len(body) < MAC:
        raise NotGenuine(f"{len(body)} bytes where a MAC was due")
    return body[:-MAC], body[-MAC:]
