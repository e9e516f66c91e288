"""AES-128 as NXP's cards use it. As in `wire.cards.cipher`: hardware imports none of ours."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 16
NO_IV = bytes(BLOCK)


def encrypt(key: bytes, plain: bytes, iv: bytes = NO_IV) -> bytes:
    """CBC over whole blocks (one block with the zero IV is ECB). Raises ValueError for other lengths."""
    encryptor = Cipher(algorithms.AES128(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def decrypt(key: bytes, sealed: bytes, iv: bytes = NO_IV) -> bytes:
    """The reverse of `encrypt`. Raises ValueError for what is not whole blocks."""
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(iv)).decryptor()
    return decryptor.update(sealed) + decryptor.finalize()


def cmac(key: bytes, data: bytes) -> bytes:
    """CMAC, 16 bytes (NIST SP 800-38B)."""
    made = CMAC(algorithms.AES128(key))
    made.update(data)
    return made.finalize()


def short_mac(key: bytes, data: bytes) -> bytes:
    """CMAC truncated to 8 bytes, every second one (NT4H2421Gx 9.1.3)."""
    return cmac(key, data)[1::2]
