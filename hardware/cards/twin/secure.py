"""What NXP's cards have in common: wrapped commands, EV2 authentication, secure messaging, ChangeKey.

Source: NT4H2421Gx 8.4, 9.1 and 10.6. Any error but a missing frame ends the authentication. Not
played: LRP, EV2NonFirst, and the pace of 91AD (here it stays until the key is changed).
"""

import hmac
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable

from msgspec import Struct

from hardware.cards import ev2
from hardware.cards.ev2 import Mode, NotGenuine, SessionKeys

SEQUENCE_LIMIT, TOTAL_LIMIT = 50, 1000
"""Wrong keys in a row, and in all, after which a card makes one wait, and takes the key no more."""

Draw = Callable[[int], bytes]


class Refused(Exception):
    """The card answers this status word and no data."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


class Authenticated(Struct):
    """The session under way."""

    number: int
    keys: SessionKeys
    counter: int = 0


class Fails(Struct):
    """How often a key was tried in vain."""

    sequence: int = 0
    total: int = 0


def key_crc(key: bytes) -> bytes:
    """The CRC32 of ChangeKey, least significant byte first."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


class SecureCard(ABC):
    """The common part. `draw` gives the card's random numbers; tests put published ones there."""

    def __init__(self, uid: bytes, keys: list[bytes], draw: Draw = os.urandom) -> None:
        self.uid, self.keys, self.versions = uid, list(keys), [0] * len(keys)
        self.fails = [Fails() for _ in keys]
        self.session: Authenticated | None = None
        self._draw = draw
        self._pending: tuple[int, bytes] | None = None
        self._frames: list[bytes] = []
        self.selected = False

    def activated(self) -> None:
        """The card came into the field: nothing is selected, nobody authenticated."""
        self.session = self._pending = None
        self._frames = []
        self.selected = False

    def exchange(self, data: bytes) -> bytes | None:
        """One APDU in, its answer out."""
        try:
            if len(data) < 4:
                raise Refused(0x6700)
            if data[0] == 0x90:
                return self._native(data)
            if data[0] == 0x00:
                return self.iso(data)
            raise Refused(0x6E00)
        except Refused as refused:
            self.session = self._pending = None
            return refused.status.to_bytes(2, "big")

    def iso(self, data: bytes) -> bytes:
        """A command of ISO/IEC 7816-4. Raises `Refused`."""
        raise Refused(0x6D00)

    def _native(self, data: bytes) -> bytes:
        body = data[5:-1]
        if data[2:4] != b"\0\0" or data[-1] or len(data) != (6 + data[4] if len(data) > 5 else 5):
            raise Refused(0x917E)
        ins, pending, frames = data[1], self._pending, self._frames
        self._pending, self._frames = None, []
        if ins == 0x71:
            return self.challenge(body)
        if ins == 0xAF:
            return self._verify(pending, body) if pending else self._frame(frames)
        if ins == 0x60:
            return self._frame(self.version())
        return self._command(ins, body)

    @abstractmethod
    def version(self) -> list[bytes]:
        """The three frames of GetVersion."""

    def _frame(self, frames: list[bytes]) -> bytes:
        if not frames:
            raise Refused(0x911C)
        self._frames = frames[1:]
        return frames[0] + (b"\x91\xaf" if self._frames else b"\x91\x00")

    # Authentication

    def challenge(self, body: bytes) -> bytes:
        """The first half of an authentication. Raises `Refused`."""
        self.session = None
        if len(body) < 2 or len(body) != 2 + body[1]:
            raise Refused(0x917E)
        number = body[0]
        if not self.selected or number >= len(self.keys):
            raise Refused(0x9140)
        fails = self.fails[number]
        if fails.total >= TOTAL_LIMIT or fails.sequence >= SEQUENCE_LIMIT:
            raise Refused(0x91AD)
        rnd_b = self._draw(16)
        self._pending = (number, rnd_b)
        return ev2.challenge(self.keys[number], rnd_b) + b"\x91\xaf"

    def _verify(self, pending: tuple[int, bytes], body: bytes) -> bytes:
        number, rnd_b = pending
        if len(body) != 32:
            raise Refused(0x917E)
        key, fails = self.keys[number], self.fails[number]
        try:
            rnd_a = ev2.check_answer(key, rnd_b, body)
        except NotGenuine:
            fails.sequence, fails.total = fails.sequence + 1, fails.total + 1
            raise Refused(0x91AE) from None
        fails.sequence, fails.total = 0, max(0, fails.total - 10)
        ti = self._draw(4)
        self.session = Authenticated(number, ev2.session_keys(key, rnd_a, rnd_b, ti))
        return ev2.last_answer(key, rnd_a, ti) + b"\x91\x00"

    # Commands

    def mode_of(self, ins: int, body: bytes) -> tuple[int, Mode]:
        """How long a command's header is, and how it travels. Raises `Refused` for one unknown."""
        if ins == 0xC4:
            return 1, "full"
        if ins == 0x64:
            return 1, "mac"
        raise Refused(0x911C)

    def perform(self, ins: int, header: bytes, data: bytes) -> bytes:
        """Does a command that was found genuine; returns its answer's data. Raises `Refused`."""
        if ins == 0x64:
            if not self.selected or header[0] >= len(self.keys) or data:
                raise Refused(0x9140)
            return bytes((self.versions[header[0]],))
        self._change_key(header[0], data)
        return b""

    def may_change(self, number: int, by: int) -> bool:
        """Whether key `number` may be changed in a session with key `by`."""
        del number
        return by == 0

    def _command(self, ins: int, body: bytes) -> bytes:
        size, mode = self.mode_of(ins, body)
        if len(body) < size:
            raise Refused(0x917E)
        header, data = body[:size], body[size:]
        if self.session is None:
            if mode == "full":
                raise Refused(0x91AE)
            return self.perform(ins, header, data) + b"\x91\x00"
        session = self.session
        data = self._opened(session, ins, body, size, mode)
        session.counter += 1
        said = self.perform(ins, header, data)
        if self.session is None or mode == "plain":
            return said + b"\x91\x00"
        if mode == "full":
            said = ev2.seal(session.keys, session.counter, said, False)
        return said + ev2.answer_mac(session.keys, session.counter, 0, said) + b"\x91\x00"

    def _opened(
        self, session: Authenticated, ins: int, body: bytes, size: int, mode: Mode
    ) -> bytes:
        if mode == "plain":
            return body[size:]
        try:
            body, mac = ev2.split_mac(body)
            made = ev2.command_mac(session.keys, session.counter, ins, body)
            spent = session.counter >= ev2.LAST_COUNTER
            if spent or len(body) < size or not hmac.compare_digest(mac, made):
                raise Refused(0x911E)
            if mode == "mac":
                return body[size:]
            return ev2.unseal(session.keys, session.counter, body[size:], True)
        except NotGenuine:
            raise Refused(0x911E) from None

    def _change_key(self, number: int, data: bytes) -> None:
        session = self.session
        if session is None or not self.may_change(number, session.number):
            raise Refused(0x919D)
        if number >= len(self.keys):
            raise Refused(0x9140)
        own = number == session.number
        if len(data) != (17 if own else 21):
            raise Refused(0x917E)
        new = data[:16]
        if not own:
            new = bytes(a ^ b for a, b in zip(data[:16], self.keys[number], strict=True))
            if key_crc(new) != data[17:]:
                raise Refused(0x911E)
        else:
            self.session = None
        self.keys[number], self.versions[number], self.fails[number] = new, data[16], Fails()
