"""Certificates: whom they are believed for, and every way in which one is not to be believed."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import Site
from wire.certificates import Authority, BadCertificate

SITE, OTHER = Site(), Site()


def test_one_of_this_site_is_read():
    unit = SITE.bearer("v-1", serial=7 << 64)
    found = unit.read(SITE)
    assert (found.name, found.purpose, found.serial) == ("v-1", "log-in", 7 << 64)
    assert found.kid == unit.kid
    assert found.from_ms == 946_684_800_000
    assert found.to_ms > found.from_ms
    assert SITE.authority.read_text(found.text, "log-in") == found


@pytest.mark.parametrize(
    ("der", "purpose", "why"),
    [
        (SITE.bearer("v-1").der, "sign", "not made to sign"),
        (SITE.signing.der, "log-in", "not made to log-in"),
        (SITE.bearer("v-1", "serve").der, "log-in", "not made to log-in"),
        (OTHER.bearer("v-1").der, "log-in", "signature is not the authority's"),
        (Site("another").bearer("v-1").der, "log-in", "another authority"),
        (SITE.bearer("v-1", key=ec.generate_private_key(ec.SECP256R1())).der, "log-in", "Ed25519"),
        (SITE.x509.public_bytes(Encoding.DER), "log-in", "certificate"),
        (b"", "log-in", "not a certificate"),
    ],
)
def test_what_is_not_to_be_believed(der, purpose, why):
    with pytest.raises(BadCertificate, match=why):
        SITE.authority.read(der, purpose)


WHOLE = SITE.bearer("v-1").der


@pytest.mark.filterwarnings("ignore")
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_believed(at, flip):
    changed = WHOLE[:at] + bytes([WHOLE[at] ^ flip]) + WHOLE[at + 1 :]
    with pytest.raises(BadCertificate):
        SITE.authority.read(changed, "log-in")


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=200), st.text(max_size=200))
def test_whatever_comes_is_refused(der, text):
    with pytest.raises(BadCertificate):
        SITE.authority.read(der, "log-in")
    with pytest.raises(BadCertificate):
        SITE.authority.read_text(text, "log-in")


@pytest.mark.parametrize("pem", [b"", b"nonsense", SITE.bearer("v-1").pem])
def test_what_is_no_authority(pem):
    with pytest.raises(BadCertificate):
        Authority(pem)
