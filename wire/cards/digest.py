"""How a roster names a card without its UID: by a keyed digest, so that a stolen unit gives no badge away."""

import hmac

DIGITS = 32


def card_digest(key: bytes, uid: str) -> str:
    """HMAC-SHA256 (RFC 2104) of the UID's bytes by `key`, its first 32 hex digits. `uid`: lower-case hex."""
    return hmac.digest(key, bytes.fromhex(uid), "sha256").hex()[:DIGITS]
