"""What may happen to the simulated chip's frames on their way to the host. Pure."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

from hardware.pn532.frame import ACK, CHIP, ERROR_FRAME, FrameReader, build

Fault = Literal[
    "lose_ack", "lose_answer", "spoil", "headless", "cut", "refuse", "wrong", "stale", "early"
]
"""`spoil`: a checksum that does not hold. `headless`, `cut`: the first or last bytes lost. `refuse`: an
error frame instead. `wrong`: another command's code. `stale`: the answer before, instead of this one.
`early`: the answer before, ahead of the ACK."""


class Faults:
    """Each fault hits the next frames that it can hit, as many as it was told to."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self.split = False
        """Byte by byte."""
        self.glue = False
        """ACK and answer in one piece."""
        self._answer_before = b""
        self._held = b""

    def add(self, fault: Fault, count: int = 1) -> None:
        """Hits the next `count` frames."""
        self._left[fault] += count

    def frames(self, frame: bytes) -> list[bytes]:
        """What comes to the host in place of `frame`, piece by piece."""
        said = self._ack() if frame == ACK else self._answer(frame)
        if self.glue and frame == ACK:
            self._held += b"".join(said)
            return []
        whole, self._held = self._held + b"".join(said), b""
        if not whole:
            return []
        return [bytes((byte,)) for byte in whole] if self.split else [whole]

    def _ack(self) -> list[bytes]:
        early = [self._answer_before] if self._hits("early") else []
        return early + ([] if self._hits("lose_ack") else [ACK])

    def _answer(self, frame: bytes) -> list[bytes]:
        before, self._answer_before = self._answer_before, frame
        for fault, spoilt in _SPOILT.items():
            if self._hits(fault):
                return [spoilt(frame, before)]
        return [frame]

    def _hits(self, fault: Fault) -> bool:
        if not self._left[fault]:
            return False
        self._left[fault] -= 1
        return True


def _other_code(frame: bytes) -> bytes:
    (found,) = FrameReader().feed(frame)
    if found.what != "data":
        return frame
    return build(CHIP, bytes(((found.data[0] + 2) & 0xFF,)) + found.data[1:])


_SPOILT: dict[Fault, Callable[[bytes, bytes], bytes]] = {
    "lose_answer": lambda frame, before: b"",
    "spoil": lambda frame, before: frame[:-2] + bytes((frame[-2] ^ 0xFF, frame[-1])),
    "headless": lambda frame, before: frame[-3:],
    "cut": lambda frame, before: frame[:-3],
    "refuse": lambda frame, before: ERROR_FRAME,
    "wrong": lambda frame, before: _other_code(frame),
    "stale": lambda frame, before: before,
}
