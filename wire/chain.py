"""The hash chain over a log's records, and the text that a unit signs at its head.

h(n) = SHA-256(h(n-1) || bytes(n)), with 32 zero bytes before record 1; bytes(n) are the record's
JSON bytes exactly as they travel.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

START = bytes(32)
"""The chain value before record 1."""


def link(h: bytes, raw: bytes) -> bytes:
    """The chain value after the record `raw`, given the value `h` before it (32 bytes each)."""
    return sha256(h + raw).digest()


def walk(h: bytes, raws: Iterable[bytes]) -> list[bytes]:
    """The chain values after each of `raws`, given the value `h` before the first."""
    values = []
    for raw in raws:
        h = sha256(h + raw).digest()
        values.append(h)
    return values


def signed_text(
    unit: str, stream: str, log: str, first: int, prev: bytes, count: int, h_last: bytes
) -> bytes:
    """What a batch's signature covers: whose, where in which log, and the chain's value at its end."""
    return f"xk1|{unit}|{stream}|{log}|{first}|{prev.hex()}|{count}|{h_last.hex()}".encode()


class Signer(Protocol):
    """Signs with one key, which `kid` names."""

    @property
    def kid(self) -> str:
        """The key's name."""

    def sign(self, text: bytes) -> str:
        """The signature of `text` (see `wire.keys`)."""


class Verifier(Protocol):
    """Checks a signature of `signer` (a unit's name, or `gw`) over `text`.

    Returns None when it holds, else the reason why not, as a line for the log.
    """

    def check(self, signer: str, text: bytes, kid: str | None, sig: str | None) -> str | None: ...
