"""What a technician's program asks of an NTAG 424 DNA: its keys, its settings, its SUN template.

Source: NXP NT4H2421Gx 10.
"""

import zlib

from hardware.cards import ndef
from hardware.cards.apdu import DONE, Exchange, ask, native
from hardware.cards.session import Session
from hardware.cards.settings import FREE, FileSettings, Sdm, decode_answer
from hardware.errors import CardRefused

NDEF_FILE = 2
FILE_BYTES = 256
PIECE = 128
CHANGE, META, FILE = 0, 1, 2
"""Numbers of the keys: to change the card, of the PICC data, of SUN."""

_SLOT = "0" * 32
_MAC = "0" * 16


def sun_template(url: str) -> tuple[bytes, Sdm]:
    """The NDEF file for SUN under `url` (`url?e=…&c=…`), and where the card writes in it.

    Raises ValueError for a URL that has a query, is no plain ASCII, or does not fit the card.
    """
    if not url.isascii() or not url.isprintable() or set(url) & set("?#& "):
        raise ValueError("give a URL of plain characters, without ? and what follows it")
    message = ndef.message_of(f"{url}?e={_SLOT}&c={_MAC}")
    content = len(message).to_bytes(2, "big") + message
    if len(content) > FILE_BYTES:
        raise ValueError(f"a URL of {len(url)} characters does not fit the card")
    picc_at, mac_at = len(content) - 16 - 3 - 32, len(content) - 16
    return content, Sdm(META, FILE, picc_at=picc_at, input_at=mac_at, mac_at=mac_at)


def wanted_settings(sdm: Sdm) -> FileSettings:
    """Anybody may read, and only the holder of the change key may write."""
    return FileSettings(FREE, CHANGE, CHANGE, CHANGE, "plain", sdm)


def get_version(exchange: Exchange) -> str:
    """`NTAG 424 DNA`, `DESFire …` or what the card says of its type. Raises the card's errors."""
    first = exchange(native(0x60))
    if len(first) != 9 or first[-2:] != b"\x91\xaf":
        raise CardRefused(f"no version of an NXP card: {first.hex()}")
    exchange(native(0xAF))
    exchange(native(0xAF))
    kinds = {(4, 0x30): "NTAG 424 DNA", (1, 0x12): "DESFire EV2", (1, 0x33): "DESFire EV3"}
    return kinds.get((first[1], first[3]), f"type {first[1]:02x}, version {first[3]:02x}")


def key_version(exchange: Exchange, number: int) -> int:
    """The version of a key, 0 on a new card; asks for no authentication. Raises `StatusError`."""
    said = ask(exchange, native(0x64, bytes((number,))), f"the version of key {number}", DONE)
    if len(said) != 1:
        raise CardRefused(f"a key version of {len(said)} bytes")
    return said[0]


def get_settings(exchange: Exchange) -> FileSettings:
    """The NDEF file's settings, without authentication. Raises `StatusError`, `BadSettings`."""
    said = ask(exchange, native(0xF5, bytes((NDEF_FILE,))), "the file's settings", DONE)
    return decode_answer(said)[0]


def change_settings(session: Session, settings: FileSettings) -> None:
    """Changes the NDEF file's settings; it asks for the key that may. Raises `StatusError`."""
    session.command(0x5F, bytes((NDEF_FILE,)), settings.encode(), "full")


def write_ndef(session: Session, content: bytes) -> None:
    """Writes the NDEF file from its beginning. Raises `StatusError`."""
    for at in range(0, len(content), PIECE):
        piece = content[at : at + PIECE]
        session.command(0x8D, _span(at, len(piece)), piece)


def read_ndef(session: Session, length: int) -> bytes:
    """The NDEF file's beginning as it was written: no SUN message is made in it, and none is counted.

    Raises `StatusError`.
    """
    spans = ((at, min(PIECE, length - at)) for at in range(0, length, PIECE))
    return b"".join(session.command(0xAD, _span(*span)) for span in spans)


def _span(at: int, length: int) -> bytes:
    return bytes((NDEF_FILE,)) + at.to_bytes(3, "little") + length.to_bytes(3, "little")


def change_key(session: Session, number: int, old: bytes, new: bytes, version: int) -> None:
    """Changes another key than the session's own, which must be key 0. Raises `StatusError`."""
    mixed = bytes(a ^ b for a, b in zip(old, new, strict=True))
    crc = (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")
    session.command(0xC4, bytes((number,)), mixed + bytes((version,)) + crc, "full")


def change_own_key(session: Session, new: bytes, version: int) -> None:
    """Changes key 0, the session's own; the session ends with it. Raises `StatusError`."""
    session.last_command(0xC4, b"\x00", new + bytes((version,)))
