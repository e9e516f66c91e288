"""The host's side of EV2: proves that a card has a key, and speaks with it so that nobody can meddle."""

import hmac
import os
from collections.abc import Callable

from hardware.cards import ev2
from hardware.cards.apdu import DONE, MORE, Exchange, StatusError, ask, native, split
from hardware.cards.ev2 import Mode, NotGenuine, SessionKeys

FIRST, NEXT = 0x71, 0xAF
Draw = Callable[[int], bytes]
"""So many random bytes."""


class Session:
    """One authentication with one card, good until the card errs, another begins, or the card leaves."""

    def __init__(self, exchange: Exchange, keys: SessionKeys) -> None:
        self._exchange, self._keys, self._counter = exchange, keys, 0

    def command(
        self, ins: int, header: bytes = b"", data: bytes = b"", mode: Mode = "plain"
    ) -> bytes:
        """Sends a command and returns its answer's data.

        Raises `StatusError`, `NotGenuine` for an answer whose MAC is not the card's, and the reader's.
        """
        counter = self._counter
        body = ev2.seal(self._keys, counter, data, True) if mode == "full" else data
        body = header + body
        mac = b"" if mode == "plain" else ev2.command_mac(self._keys, counter, ins, body)
        what = f"command {ins:02X}"
        answer, status = split(self._exchange(native(ins, body + mac)), what)
        if status != DONE:
            raise StatusError(what, status)
        self._counter = counter + 1
        return self._opened(answer, mode)

    def _opened(self, answer: bytes, mode: Mode) -> bytes:
        if mode == "plain":
            return answer
        said, mac = ev2.split_mac(answer)
        if not hmac.compare_digest(ev2.answer_mac(self._keys, self._counter, 0, said), mac):
            raise NotGenuine("an answer whose MAC is not the card's")
        return ev2.unseal(self._keys, self._counter, said, False) if mode == "full" else said

    def last_command(self, ins: int, header: bytes, data: bytes) -> None:
        """A full command that ends the session, so that its answer has no MAC. Raises `StatusError`."""
        body = header + ev2.seal(self._keys, self._counter, data, True)
        mac = ev2.command_mac(self._keys, self._counter, ins, body)
        ask(self._exchange, native(ins, body + mac), f"command {ins:02X}", DONE)


def authenticate(exchange: Exchange, number: int, key: bytes, draw: Draw = os.urandom) -> Session:
    """AuthenticateEV2First with the key of this number, in the selected application.

    Raises `StatusError` where the card does not take our key, `NotGenuine` where it does not have it,
    and the reader's errors. `draw` is for tests with published numbers alone.
    """
    first = native(FIRST, bytes((number, 0)))
    challenge = ask(exchange, first, f"authentication with key {number}", MORE)
    rnd_a = draw(16)
    answer, rnd_b = ev2.answer_challenge(key, challenge, rnd_a)
    last = ask(exchange, native(NEXT, answer), f"key {number}", DONE)
    return Session(exchange, ev2.finish(key, rnd_a, rnd_b, last))
