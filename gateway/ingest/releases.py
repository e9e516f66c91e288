"""Releases on their way to units, a piece at a time as each unit asks, within what all together may have of the link.

What is asked beyond that is not answered: a unit asks again by itself. Pieces are not signed, as the whole is.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gateway.config import ReleasesSection
from gateway.ingest.photos import Answer
from gateway.releases.shelf import place
from wire import topics
from wire.batch import BadPayload
from wire.limits import MAX_CHUNK_BYTES
from wire.release import COUNT

NOT_HERE = b""


class Asked(Struct, frozen=True):
    """A unit wants `count` bytes of a release from `offset` on; `via` is handed back with the answer."""

    unit: str
    sha256: str
    offset: int
    count: int
    via: int


def asked(unit: str, sha256: str, offset: int, payload: bytes, via: int) -> Asked:
    """What a unit asks for. Raises `BadPayload`."""
    count = int(payload) if COUNT.fullmatch(payload) else 0
    if not 1 <= count <= MAX_CHUNK_BYTES:
        raise BadPayload(f"not 1 to {MAX_CHUNK_BYTES} bytes of a release")
    return Asked(unit, sha256, offset, count, via)


class Hatch:
    """Hands out pieces. One thread owns it."""

    def __init__(self, section: ReleasesSection) -> None:
        self._folder = Path(section.folder)
        self._bytes_s = section.kib_s * 1024
        self._left, self._filled_ms = 0, 0

    def answers(self, wanted: Sequence[Asked], now_ms: int) -> list[Answer]:
        """What is answered now: to each unit the last that it asked for."""
        self._fill(now_ms)
        newest = {one.unit: one for one in wanted}
        return [answer for one in newest.values() if (answer := self._one(one))]

    def _fill(self, now_ms: int) -> None:
        """A second's worth can be saved up, and a whole piece at the least."""
        most = max(self._bytes_s, MAX_CHUNK_BYTES)
        passed_ms = max(0, min(now_ms - self._filled_ms, most * 1000 // self._bytes_s))
        self._left = min(most, self._left + self._bytes_s * passed_ms // 1000)
        self._filled_ms = now_ms

    def _one(self, one: Asked) -> Answer | None:
        if one.count > self._left:
            return None
        try:
            with place(self._folder, one.sha256).open("rb") as file:
                file.seek(one.offset)
                piece = file.read(one.count)
        except OSError:
            piece = NOT_HERE
        self._left -= len(piece)
        return Answer(topics.release(one.unit, one.sha256, one.offset), piece, one.via)
