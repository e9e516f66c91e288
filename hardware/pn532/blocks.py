"""A simulated card's side of the block protocol, for readers that speak it themselves. Pure.

Source: ISO/IEC 14443-4, sections 5 (RATS) and 7 (blocks). What it does not play: CID, NAD, PPS, and a
card's own wish for more time.
"""

from collections.abc import Callable

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""What a reader takes in one frame, by the number that RATS gives for it."""

OVERHEAD = 3
"""Block header and CRC."""

RATS = 0xE0
DESELECT = b"\xc2"
MORE = 0x10

Command = Callable[[bytes], bytes | None]


class Blocks:
    """One card's session; `command` takes an APDU and gives the answer, or None for none."""

    def __init__(self, ats: bytes, command: Command, opened: bool) -> None:
        self._ats, self._command, self._open = ats, command, opened
        self._number = 1
        self._most = FRAME_SIZES[-1] - OVERHEAD
        self._coming, self._rest, self._last = b"", b"", b""

    def hear(self, frame: bytes) -> bytes | None:
        """What the card answers to a frame; None: nothing."""
        if not frame:
            return None
        if not self._open:
            return self._activate(frame)
        head = frame[0]
        if head & 0xEE == 0x02:
            return self._information(head, frame[1:])
        if head & 0xEE == 0xA2:
            return self._receipt(head)
        return self._deselect() if frame == DESELECT else None

    def _activate(self, frame: bytes) -> bytes | None:
        if frame[0] != RATS or len(frame) != 2:
            return None
        self._open = True
        self._most = FRAME_SIZES[min(frame[1] >> 4, len(FRAME_SIZES) - 1)] - OVERHEAD
        return self._ats

    def _information(self, head: int, data: bytes) -> bytes | None:
        self._number ^= 1
        self._coming += data
        if head & MORE:
            return self._say(bytes((0xA2 | self._number,)))
        whole, self._coming = self._coming, b""
        answer = self._command(whole)
        if answer is None:
            return None
        self._rest = answer
        return self._piece()

    def _piece(self) -> bytes:
        piece, self._rest = self._rest[: self._most], self._rest[self._most :]
        head = 0x02 | self._number | (MORE if self._rest else 0)
        return self._say(bytes((head,)) + piece)

    def _receipt(self, head: int) -> bytes:
        """R(ACK) asks for the next piece, either R for the last block where its number is the card's."""
        if head & 1 == self._number:
            return self._last
        if head & MORE:
            return bytes((0xA2 | self._number,))
        self._number ^= 1
        return self._piece()

    def _say(self, block: bytes) -> bytes:
        self._last = block
        return block

    def _deselect(self) -> bytes:
        self._open = False
        return DESELECT
