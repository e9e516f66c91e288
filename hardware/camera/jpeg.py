"""Whether bytes are a whole JPEG (ITU-T T.81 annex B): its markers walked, its end looked for."""

import msgspec

START, END = b"\xff\xd8", b"\xff\xd9"
SCAN = 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers; DHT, JPG and DAC lie among them and are none."""


class BadJpeg(Exception):
    """Bytes that are no whole JPEG; says what is missing."""


class Size(msgspec.Struct, frozen=True):
    """An image's size in pixels."""

    width: int
    height: int


def measure(data: bytes) -> Size:
    """The size of the whole JPEG in `data`. Raises `BadJpeg` for anything else, a truncated one too.

    Within a scan 0xFF is always followed by a stuffed 0x00 or a restart marker, so that the end of
    image cannot be met by chance; a thumbnail's end lies in a segment, which is stepped over.
    """
    if not data.startswith(START):
        raise BadJpeg("no start of image")
    size = _size(data)
    if not data.endswith(END):
        raise BadJpeg(f"truncated after {len(data)} bytes: no end of image")
    return size


def _size(data: bytes) -> Size:
    at, size = len(START), None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise BadJpeg(f"no marker at byte {at}")
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == SCAN:
            break
        if marker in FRAMES and at + 9 <= len(data):
            height, width = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            size = Size(width, height)
        at += 2 + length
    if size is None or at + 4 > len(data):
        raise BadJpeg(f"truncated after {len(data)} bytes: no picture in it")
    return size
