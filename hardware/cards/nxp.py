"""What a technician's program asks of NTAG 424 DNA and DESFire alike: the type, keys' versions, new keys.

Source: NXP NT4H2421Gx 10.6; MF3D(H)x3 has the same commands.
"""

import zlib

from hardware.cards.apdu import DONE, Exchange, ask, native
from hardware.cards.session import Session
from hardware.errors import CardRefused

NTAG424 = "NTAG 424 DNA"
KINDS = {(4, 0x30): NTAG424, (1, 0x12): "DESFire EV2", (1, 0x33): "DESFire EV3"}
"""By type and major version of the hardware."""


def get_version(exchange: Exchange) -> str:
    """`NTAG 424 DNA`, `DESFire …` or what the card says of its type. Raises the card's errors."""
    first = exchange(native(0x60))
    if len(first) != 9 or first[-2:] != b"\x91\xaf":
        raise CardRefused(f"no version of an NXP card: {first.hex()}")
    exchange(native(0xAF))
    exchange(native(0xAF))
    return KINDS.get((first[1], first[3]), f"type {first[1]:02x}, version {first[3]:02x}")


def key_version(exchange: Exchange, number: int) -> int:
    """The version of a key of the selected application, 0 on a new card; asks for no authentication.

    Raises `StatusError`.
    """
    said = ask(exchange, native(0x64, bytes((number,))), f"the version of key {number}", DONE)
    if len(said) != 1:
        raise CardRefused(f"a key version of {len(said)} bytes")
    return said[0]


def change_key(session: Session, number: int, old: bytes, new: bytes, version: int) -> None:
    """Changes another key than the session's own, which must be key 0. Raises `StatusError`."""
    mixed = bytes(a ^ b for a, b in zip(old, new, strict=True))
    crc = (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")
    session.command(0xC4, bytes((number,)), mixed + bytes((version,)) + crc, "full")


def change_own_key(session: Session, new: bytes, version: int) -> None:
    """Changes key 0, the session's own; the session ends with it. Raises `StatusError`."""
    session.last_command(0xC4, b"\x00", new + bytes((version,)))
