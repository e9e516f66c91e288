"""Signatures with Ed25519 (RFC 8032), each by a key that `kid` names.

`kid` is the first 16 hex digits of SHA-256 over the public key's 32 raw bytes, `sig` the signature's 64
bytes as base64url without padding (RFC 4648, section 5): 86 characters.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIG_CHARS = 86


class KeySigner:
    """Signs with a private key held in memory."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.kid = kid_of(key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> str:
        """The signature of `text`."""
        return urlsafe_b64encode(self._key.sign(text)).rstrip(b"=").decode("ascii")


def kid_of(public: bytes) -> str:
    """The name of a public key (32 raw bytes)."""
    return sha256(public).hexdigest()[:16]


def holds(public: bytes, text: bytes, sig: str) -> bool:
    """Whether `sig` is the signature of `text` by the key whose public half (32 raw bytes) is `public`."""
    if len(sig) != SIG_CHARS:
        return False
    try:
        signature = urlsafe_b64decode(f"{sig}==")
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (ValueError, InvalidSignature):
        return False
    return True
