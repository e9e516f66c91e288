"""One-time codes, by which a unit without a certificate proves who it is: 100 random bits for a person to type.

A code is 20 characters of Crockford's base 32 (no I, L, O, U) in groups of five. The gateway keeps the code
itself nowhere, and neither does the wire carry it: the broker is given one hash of it as password, and the
request is proven by another, so that the broker cannot prove anything.
"""

import hmac
import secrets
from hashlib import sha256

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARS = 20
_MEANT = str.maketrans("OIL", "011", " -")


def new_code() -> str:
    """A new code, as people see it."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
    return "-".join(drawn[at : at + 5] for at in range(0, CODE_CHARS, 5))


def meant(typed: str) -> str | None:
    """The code that somebody typed, in its one spelling; None if it cannot be one."""
    code = typed.upper().translate(_MEANT)
    return code if len(code) == CODE_CHARS and set(code) <= set(ALPHABET) else None


def proof_key(code: str) -> str:
    """What a proof is made and checked with (hex); `code` as `meant` gives it, as below."""
    return sha256(f"proof|{code}".encode()).hexdigest()


def proof(key: str, csr: str) -> str:
    """Proves that who asks for `csr` (PEM) knows the code: HMAC-SHA256 (RFC 2104) in hex."""
    return hmac.new(bytes.fromhex(key), csr.encode(), sha256).hexdigest()


def password(code: str) -> str:
    """With what a unit logs in at the broker to ask (hex)."""
    return sha256(f"broker|{code}".encode()).hexdigest()
