"""The unit's next key: never lost between request and certificate, never replaced by what is not its own."""

import os
import stat

import pytest
from cryptography import x509

from device.next_papers import NEXT, NextPapers
from device.papers import Papers
from tests.keys import Site
from wire.words import Fault

SITE = Site()


@pytest.fixture
def folder(tmp_path):
    SITE.lay_papers("cp-1", tmp_path / "identity")
    return tmp_path / "identity"


def granted(pem, name="cp-1", site=SITE):
    """What the authority makes of a request."""
    public = x509.load_pem_x509_csr(pem.encode()).public_key()

    class Key:
        def public_key(self):
            return public

    return site.bearer(name, key=Key())


def own(folder):
    return Papers("cp-1", folder).load()


def test_key_and_certificate_change_together(folder):
    before, desk = own(folder), NextPapers("cp-1", folder)
    pem = desk.request()
    request = x509.load_pem_x509_csr(pem.encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=cp-1"
    assert own(folder) == before
    desk.take(granted(pem).text)
    assert own(folder).kid != before.kid
    assert not (folder / NEXT).exists()


def test_a_request_is_the_same_until_its_certificate_comes(folder):
    first = NextPapers("cp-1", folder).request()
    assert NextPapers("cp-1", folder).request() == first
    NextPapers("cp-1", folder).take(granted(first).text)
    assert NextPapers("cp-1", folder).request() != first


def test_the_power_goes_after_the_papers_are_laid(folder):
    desk = NextPapers("cp-1", folder)
    pem = desk.request()
    kept = (folder / NEXT).read_bytes()
    desk.take(granted(pem).text)
    (folder / NEXT).write_bytes(kept)
    assert NextPapers("cp-1", folder).request() != pem


def test_the_key_is_its_owner_s_alone(folder):
    before = os.umask(0)
    try:
        NextPapers("cp-1", folder).request()
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / NEXT).stat().st_mode) == 0o600


@pytest.mark.parametrize("left", [b"", b"rubbish"])
def test_a_key_that_was_torn_is_made_anew(folder, left):
    (folder / NEXT).write_bytes(left)
    desk = NextPapers("cp-1", folder)
    desk.take(granted(desk.request()).text)
    assert own(folder)


WRONG = {
    "of another authority": lambda pem: granted(pem, site=Site("another")).text,
    "for another unit": lambda pem: granted(pem, "cp-2").text,
    "for another key": lambda pem: SITE.bearer("cp-1").text,
    "to serve": lambda pem: SITE.bearer("cp-1", "serve").text,
    "no certificate": lambda pem: "QUJD",
}


@pytest.mark.parametrize("how", WRONG)
def test_what_is_not_its_own_changes_nothing(folder, how):
    desk = NextPapers("cp-1", folder)
    pem, before = desk.request(), (folder / "unit.pem").read_bytes()
    with pytest.raises(Fault, match="nothing was changed"):
        desk.take(WRONG[how](pem))
    assert (folder / "unit.pem").read_bytes() == before
    assert desk.request() == pem


def test_one_that_was_not_asked_for(folder):
    with pytest.raises(Fault, match="not for the key that was asked for"):
        NextPapers("cp-1", folder).take(SITE.bearer("cp-1").text)


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault, match="cannot write into"):
        NextPapers("cp-1", tmp_path / "file" / "identity").request()
