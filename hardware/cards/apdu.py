"""Commands to a card and the status words it answers with (ISO/IEC 7816-4, and NXP's 91xx)."""

from collections.abc import Callable

from hardware.errors import CardRefused

Exchange = Callable[[bytes], bytes]
"""Sends one APDU to the card and returns its answer, status word included."""

OK = 0x9000
DONE = 0x9100
MORE = 0x91AF
WRONG_KEY = 0x91AE

MEANINGS = {
    0x6700: "wrong length",
    0x6982: "not allowed without authentication",
    0x6985: "not in this state",
    0x6A82: "no such file or application",
    0x6A86: "wrong parameters",
    0x6D00: "unknown command",
    0x6E00: "unknown class",
    0x910E: "no memory left",
    0x911C: "unknown command",
    0x911E: "the MAC or the padding was wrong",
    0x9140: "no such key",
    0x917E: "wrong length",
    0x919D: "not allowed",
    0x919E: "a wrong parameter",
    0x91A0: "no such application",
    0x91AD: "too many wrong keys; it makes us wait",
    0x91AE: "the key was wrong",
    0x91BE: "beyond the end of the file",
    0x91CA: "the command before was not finished",
    0x91DE: "there is one already",
    0x91F0: "no such file",
}


class StatusError(CardRefused):
    """The card answered with another status word than the command wanted; `status` is that word."""

    def __init__(self, what: str, status: int) -> None:
        why = MEANINGS.get(status, "not known to us")
        super().__init__(f"the card refused {what}: {why} ({status:04X})", status)


class BadAnswer(CardRefused):
    """The card's answer has not the form or the length that its command asks for."""


def iso(ins: int, p1: int, p2: int, data: bytes = b"", le: int | None = None) -> bytes:
    """A command of ISO/IEC 7816-4; `le`: bytes wanted, 256 for as many as there are, None for none."""
    lc = bytes((len(data),)) + data if data else b""
    return bytes((0x00, ins, p1, p2)) + lc + (b"" if le is None else bytes((le & 0xFF,)))


def native(ins: int, data: bytes = b"") -> bytes:
    """One of NXP's own commands, wrapped (NT4H2421Gx 8.4)."""
    lc = bytes((len(data),)) + data if data else b""
    return bytes((0x90, ins, 0, 0)) + lc + b"\x00"


def split(answer: bytes, what: str) -> tuple[bytes, int]:
    """An answer's data and its status word. Raises `BadAnswer` where there is no room for one."""
    if len(answer) < 2:
        raise BadAnswer(f"the card answered {len(answer)} bytes to {what}")
    return answer[:-2], int.from_bytes(answer[-2:], "big")


def ask(exchange: Exchange, command: bytes, what: str, wanted: int) -> bytes:
    """Sends `command`; returns the answer's data. Raises `StatusError`, `BadAnswer`, and the reader's errors."""
    data, status = split(exchange(command), what)
    if status != wanted:
        raise StatusError(what, status)
    return data
