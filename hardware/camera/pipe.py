"""What the unit and the camera's process say to each other over a pipe. Bytes in, messages out.

A message: the header's length and the picture's length (4 bytes each, big-endian), the header (JSON),
the picture (bytes, empty but in an answer that brings one).
"""

from typing import Literal

import msgspec

MAX_HEADER_BYTES = 16 * 1024
MAX_PICTURE_BYTES = 32 * 1024 * 1024


class BadMessage(Exception):
    """What came is none of ours: the other side is not what it should be, and must be ended."""


class Ask(msgspec.Struct, frozen=True):
    """To the process: take a picture; without `picture`, only see that frames still come.

    `scene`: lines for a simulated camera to have before it; a real one sees what there is.
    """

    picture: bool
    scene: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """From the process: `ok`, `missing` (there is no camera) or `failed`; `why` for people.

    `exposure_us` and `iso` None where the camera did not say.
    """

    status: Literal["ok", "missing", "failed"]
    why: str = ""
    exposure_us: int | None = None
    iso: int | None = None


def encode(header: Ask | Said, picture: bytes = b"") -> bytes:
    """A message's bytes."""
    text = msgspec.json.encode(header)
    return len(text).to_bytes(4, "big") + len(picture).to_bytes(4, "big") + text + picture


class Assembler:
    """Puts messages together from bytes as they come."""

    def __init__(self, kind: type[Ask] | type[Said]) -> None:
        self._kind = kind
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[Ask | Said, bytes]]:
        """The messages that are now complete. Raises `BadMessage`."""
        self._held += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> tuple[Ask | Said, bytes] | None:
        if len(self._held) < 8:
            return None
        header = int.from_bytes(self._held[:4], "big")
        picture = int.from_bytes(self._held[4:8], "big")
        if header > MAX_HEADER_BYTES or picture > MAX_PICTURE_BYTES:
            raise BadMessage(f"a message of {header} + {picture} bytes")
        end = 8 + header + picture
        if len(self._held) < end:
            return None
        text, data = bytes(self._held[8 : 8 + header]), bytes(self._held[8 + header : end])
        del self._held[:end]
        try:
            return msgspec.json.decode(text, type=self._kind), data
        except msgspec.DecodeError as exc:
            raise BadMessage(str(exc)) from exc
