"""Sealing, held against RFC 9180 as written here from the standard, which its own vector bears out."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from wire.seal import BadSeal, public_of, seal, unseal

PRIVATE, OTHER = bytes(range(32)), bytes(range(1, 33))
KEM_SUITE, SUITE = b"KEM" + bytes.fromhex("0020"), b"HPKE" + bytes.fromhex("002000010001")


def extract(salt, suite, label, ikm):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, sha256).digest()


def expand(prk, suite, label, info, length):
    data = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.new(prk, data + b"\x01", sha256).digest()[:length]


def open_by_the_standard(sealed, private, info, aad=b""):
    """RFC 9180 5.1.1, 4.1 and 6.1: base mode, one message; outputs are within one HKDF block."""
    enc, key = sealed[:32], X25519PrivateKey.from_private_bytes(private)
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + key.public_key().public_bytes_raw()
    prk = extract(b"", KEM_SUITE, b"eae_prk", shared)
    secret = expand(prk, KEM_SUITE, b"shared_secret", context, 32)
    psk_id = extract(b"", SUITE, b"psk_id_hash", b"")
    schedule = b"\x00" + psk_id + extract(b"", SUITE, b"info_hash", info)
    prk = extract(secret, SUITE, b"secret", b"")
    aes = AESGCM(expand(prk, SUITE, b"key", schedule, 16))
    return aes.decrypt(expand(prk, SUITE, b"base_nonce", schedule, 12), sealed[32:], aad)


def test_the_standard_as_written_here_opens_its_own_vector():
    """RFC 9180 A.1.1, sequence number 0."""
    enc = "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
    sealed = (
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"
    )
    private = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    plain = open_by_the_standard(bytes.fromhex(enc + sealed), private, info, b"Count-0")
    assert plain == b"Beauty is truth, truth beauty"


def test_what_is_sealed_here_opens_by_the_standard():
    sealed = seal(b"secret", public_of(PRIVATE), "cp-1", "card keys")
    assert (
        open_by_the_standard(b64decode(sealed), PRIVATE, b"xunkong/1|card keys|cp-1") == b"secret"
    )


@given(st.binary(max_size=500))
def test_what_was_sealed_comes_back(secret):
    sealed = seal(secret, public_of(PRIVATE), "cp-1", "card keys")
    assert unseal(sealed, PRIVATE, "cp-1", "card keys") == secret
    assert len(secret) < 8 or secret not in b64decode(sealed)


def test_the_same_secret_is_never_sealed_alike():
    public = public_of(PRIVATE)
    assert seal(b"k", public, "cp-1", "card keys") != seal(b"k", public, "cp-1", "card keys")


@pytest.mark.parametrize(
    ("private", "unit", "purpose"),
    [
        (OTHER, "cp-1", "card keys"),
        (PRIVATE, "cp-2", "card keys"),
        (PRIVATE, "cp-1", "photos"),
    ],
)
def test_another_key_unit_or_purpose_opens_nothing(private, unit, purpose):
    sealed = seal(b"secret", public_of(PRIVATE), "cp-1", "card keys")
    with pytest.raises(BadSeal, match=f"sealed {purpose} cannot be opened"):
        unseal(sealed, private, unit, purpose)


def test_every_byte_of_it_counts():
    sealed = b64decode(seal(b"secret", public_of(PRIVATE), "cp-1", "card keys"))
    for at in range(len(sealed)):
        for wrong in (sealed[:at], sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]):
            with pytest.raises(BadSeal):
                unseal(b64encode(wrong).decode(), PRIVATE, "cp-1", "card keys")


@pytest.mark.parametrize("text", ["", "*", "AAAA", "密", "A" * 1001])
def test_what_was_never_sealed_opens_nothing(text):
    with pytest.raises(BadSeal):
        unseal(text, PRIVATE, "cp-1", "card keys")


@pytest.mark.parametrize("public", ["", "zz" * 32, "00" * 31, "00" * 33, "00" * 32])
def test_what_is_no_key_seals_nothing(public):
    with pytest.raises(BadSeal, match="xunkong device key") as caught:
        seal(b"secret", public, "cp-1", "card keys")
    assert "cp-1" in caught.value.words.zh
