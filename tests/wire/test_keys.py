"""Ed25519 signatures, against the first vectors of RFC 8032 (section 7.1), and what is none."""

from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wire.keys import SIG_CHARS, KeySigner, holds, kid_of

VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
        "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("private", "public", "text", "signature"), VECTORS)
def test_the_published_vectors(private, public, text, signature):
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)))
    sig = signer.sign(bytes.fromhex(text))
    assert len(sig) == SIG_CHARS
    assert urlsafe_b64decode(f"{sig}==").hex() == signature
    assert holds(bytes.fromhex(public), bytes.fromhex(text), sig)
    assert signer.kid == kid_of(bytes.fromhex(public))
    assert not holds(bytes.fromhex(public), bytes.fromhex(text) + b"x", sig)


@given(st.binary(max_size=32), st.text(max_size=90))
def test_whatever_comes_is_no_signature(public, sig):
    assert not holds(public, b"text", sig)
