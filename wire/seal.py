"""Seals a secret to one unit's own key, so that only that unit can open it, whatever carries it. Pure.

HPKE, RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM; `info` binds unit and
purpose. Base mode says nothing of who sealed: whoever knows the public key can. That the sender is the
gateway must come from the message around it.
"""

from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from wire.words import Fault

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
KEY_BYTES = 32


class BadSeal(Fault):
    """Sealed text that this key does not open, or a key that is none."""


def public_of(private: bytes) -> str:
    """The public key (64 hex digits) of a private one (32 random bytes)."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def seal(secret: bytes, public: str, unit: str, purpose: str) -> str:
    """`secret` so that `unit` alone opens it, and for `purpose` alone; base64.

    Raises `BadSeal` where `public` is no key (64 hex digits, not one of the few weak points).
    """
    try:
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(public))
        sealed = SUITE.encrypt(secret, key, _info(unit, purpose))
    except ValueError as exc:
        raise BadSeal(
            f"单元 {unit} 的公钥无效；请在单元上运行 xunkong device key，再用 gateway unit-key set 登记",
            f"the public key of unit {unit} is no X25519 key; run xunkong device key on the unit, "
            "and gateway unit-key set here",
        ) from exc
    return b64encode(sealed).decode("ascii")


def unseal(sealed: str, private: bytes, unit: str, purpose: str) -> bytes:
    """What was sealed. Raises `BadSeal` for text that is cut, changed, another unit's or for another purpose."""
    try:
        key = X25519PrivateKey.from_private_bytes(private)
        return SUITE.decrypt(b64decode(sealed, validate=True), key, _info(unit, purpose))
    except (ValueError, InvalidTag) as exc:
        raise BadSeal(
            f"密封的 {purpose} 打不开：已损坏，或不是密封给单元 {unit} 现用密钥的；"
            "请登记该单元的公钥（gateway unit-key set）后重新发布配置",
            f"the sealed {purpose} cannot be opened: damaged, or not sealed to the key that unit {unit} "
            "has now; set its public key (gateway unit-key set) and push again",
        ) from exc


def _info(unit: str, purpose: str) -> bytes:
    return f"xunkong/1|{purpose}|{unit}".encode()
