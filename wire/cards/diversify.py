"""One key per card out of one master key (NXP AN10922, AES-128)."""

from wire.cards.cipher import BLOCK, NO_IV, cmac, encrypt

AES128 = b"\x01"
"""The diversification constant of AES-128."""

MAX_INPUT = 31


def diversify(master: bytes, card: bytes) -> bytes:
    """The 16-byte key that `master` gives for the diversification input `card`, 1 to 31 bytes.

    AN10922 2.2: CMAC over 01 and the input, always as two blocks; so an input of 15 bytes or less is
    padded further than CMAC itself would. Raises ValueError for another length.
    """
    if not 1 <= len(card) <= MAX_INPUT:
        raise ValueError(f"a diversification input has 1 to {MAX_INPUT} bytes, not {len(card)}")
    data = AES128 + card
    if len(data) > BLOCK:
        return cmac(master, data)
    padded = bytearray((data + b"\x80").ljust(2 * BLOCK, b"\x00"))
    subkey = _double(_double(encrypt(master, NO_IV)))
    for at, byte in enumerate(subkey, BLOCK):
        padded[at] ^= byte
    return encrypt(master, bytes(padded))[BLOCK:]


def _double(block: bytes) -> bytes:
    """Times x in GF(2^128): from one CMAC subkey to the next (NIST SP 800-38B 6.1)."""
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number ^= (1 << 128) | 0x87
    return number.to_bytes(BLOCK, "big")
