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
    """Signs on behalf of one key. `sign` gives (kid, sig), or None where no key is in use yet."""

    def sign(self, text: bytes) -> tuple[str, str] | None: ...


class Verifier(Protocol):
    """Checks a signature of `signer` (a unit's name, or `gw`) over `text`.

    Returns None when it holds, else the reason why not, as a line for the log.
    """

    def check(self, signer: str, text: bytes, kid: str | None, sig: str | None) -> str | None: ...


class NoKeys:
    """Signer and verifier of a site that has no keys yet: unsigned passes, a signature cannot be checked."""

    def sign(self, text: bytes) -> tuple[str, str] | None:
        """No key, so no signature."""
        del text
        return None

    def check(self, signer: str, text: bytes, kid: str | None, sig: str | None) -> str | None:
        """Lets the unsigned pass; a signature whose key nobody knows is refused."""
        del text
        if kid is None and sig is None:
            return None
        return f"signed by {signer} with key {kid!r}, which this site does not know"
