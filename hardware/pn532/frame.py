"""PN532 frames, pure: bytes in, frames out. Source: NXP PN532 User Manual UM0701-02, section 6.2.1.

Normal frame: 00 00 FF LEN LCS TFI data DCS 00, where LEN counts TFI and data, LEN+LCS = 0 and
TFI+data+DCS = 0 (mod 256). Extended: 00 00 FF FF FF LENH LENL LCS TFI data DCS 00. TFI is D4 from
the host, D5 from the chip; an error frame has 7F in its place.
"""

from typing import Literal

import msgspec

HOST = 0xD4
CHIP = 0xD5
ERROR = 0x7F
ACK = bytes.fromhex("0000ff00ff00")
NAK = bytes.fromhex("0000ffff0000")
ERROR_FRAME = bytes.fromhex("0000ff01ff7f8100")
WAKE = b"\x55\x55" + bytes(14)
"""Wakes the chip from power-down: HSU needs some bytes before the first frame."""

START = b"\x00\xff"
MAX_DATA = 265
"""The chip's own bound on TFI and data (264 bytes) and one to spare; longer is noise."""


class Frame(msgspec.Struct, frozen=True):
    """One frame: `data` begins with the command or answer code; empty for all but `data` frames."""

    what: Literal["data", "ack", "nak", "error"]
    tfi: int = 0
    data: bytes = b""


SHORT = {b"\x00\xff": Frame("ack"), b"\xff\x00": Frame("nak")}
LONG = b"\xff\xff"


class FrameError(ValueError):
    """Something that cannot be put into a frame."""


def build(tfi: int, data: bytes) -> bytes:
    """A normal frame, or an extended one where `data` is too long for it.

    Raises `FrameError` for more data than the chip can take.
    """
    length = len(data) + 1
    if length > MAX_DATA:
        raise FrameError(f"{length} bytes in a frame; the PN532 takes {MAX_DATA}")
    body = bytes((tfi,)) + data
    if length <= 0xFF:
        head = bytes((0, 0, 0xFF, length, -length & 0xFF))
    else:
        high, low = divmod(length, 256)
        head = bytes((0, 0, 0xFF, 0xFF, 0xFF, high, low, -(high + low) & 0xFF))
    return head + body + bytes((-sum(body) & 0xFF, 0))


class FrameReader:
    """Finds frames in a stream, however it is split, and finds its way back after noise."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.noise_bytes = 0
        """Bytes that belonged to no frame, as far as they have been passed."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`. Never raises; keeps at most one frame's bytes."""
        self._buffer += data
        frames: list[Frame] = []
        while True:
            taken, frame = _next(self._buffer)
            if frame:
                frames.append(frame)
            elif not taken:
                return frames
            else:
                self.noise_bytes += taken
            del self._buffer[:taken]

    def clear(self) -> None:
        """Forgets what was begun."""
        self._buffer.clear()


def _next(buffer: bytearray) -> tuple[int, Frame | None]:
    """How many bytes to take off, and the frame they were, None for noise; (0, None): more is needed."""
    at = buffer.find(START)
    if at < 0:
        keep = 1 if buffer.endswith(b"\x00") else 0
        return len(buffer) - keep, None
    if at > 1:
        return at - 1, None
    begin = at + 2
    head = bytes(buffer[begin : begin + 5])
    if head[:2] in SHORT:
        return _past(buffer, begin + 2), SHORT[head[:2]]
    size = 5 if head[:2] == LONG else 2
    if len(head) < size:
        return 0, None
    length = _length(head, size)
    if not 1 <= length <= MAX_DATA:
        return begin, None
    return _body(buffer, begin, begin + size, length)


def _length(head: bytes, size: int) -> int:
    """LEN, or 0 where its own checksum does not hold."""
    counted = head[2:5] if size == 5 else head[:2]
    if sum(counted) & 0xFF:
        return 0
    return head[2] * 256 + head[3] if size == 5 else head[0]


def _body(buffer: bytearray, begin: int, body: int, length: int) -> tuple[int, Frame | None]:
    end = body + length + 1
    if len(buffer) < end:
        return 0, None
    if sum(buffer[body:end]) & 0xFF:
        return begin, None
    tfi, data = buffer[body], bytes(buffer[body + 1 : end - 1])
    frame = Frame("error") if tfi == ERROR else Frame("data", tfi, data)
    return _past(buffer, end), frame


def _past(buffer: bytearray, end: int) -> int:
    """The end of a frame with its postamble, where that has come already."""
    return end + 1 if len(buffer) > end and buffer[end] == 0 else end
