"""The gateway's own commands, on a site as `gateway init` makes it."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.site import lay_out
from provision.host.site import Broker, SiteByCode, SiteFolder
from tests.csr import signing_request
from tests.provision.conftest import faulty
from wire.certificates import Authority
from wire.keys import kid_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("town") / "site"
    lay_out(made, ["gw.example.cn"], 28883)
    return made


@pytest.fixture
def site(folder):
    return SiteFolder(folder / "gateway.toml")


def test_where_units_go_is_as_the_site_was_laid_out(site):
    assert site.brokers() == [Broker("gw.example.cn", 28883)]
    assert site.code() is None


def test_a_certificate_is_issued_for_a_request_and_counts(site):
    key = Ed25519PrivateKey.generate()
    kid = kid_of(key.public_key().public_bytes_raw())
    assert not site.counts("cp-9", kid)
    assert not site.taken("cp-9")
    pem = site.issue("cp-9", signing_request(key, "cp-9"))
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    read = Authority(site.authority()).read(der, "log-in")
    assert (read.name, read.kid) == ("cp-9", kid)
    assert site.counts("cp-9", kid)
    assert site.taken("cp-9")
    assert not site.counts("cp-8", kid)


def test_a_unit_that_nobody_heard_of_is_not_on_line(site):
    assert site.heard("cp-7") == {"online": False}


def test_the_key_of_releases_is_there_when_the_site_has_one(site, folder):
    assert site.release_key() is None
    (folder / "release.pub").write_bytes(b"key")
    assert site.release_key() == b"key"


def test_what_the_gateway_refuses_is_passed_on(site):
    assert "a command of the gateway failed" in faulty(site.issue, "cp-9", "no request")


def test_a_folder_that_is_none(tmp_path):
    assert "give the gateway's gateway.toml" in faulty(SiteFolder(tmp_path / "x.toml").authority)


def test_by_code_the_authority_is_carried(folder, tmp_path):
    site = SiteByCode(folder / "keys" / "ca.crt", "CODE")
    assert site.authority() == (folder / "keys" / "ca.crt").read_bytes()
    assert (site.code(), site.issue("cp-9", ""), site.heard("cp-9")) == ("CODE", None, None)
    assert site.counts("cp-9", "k") and not site.taken("cp-9")
    assert "--replace needs --gateway" in faulty(site.retire, "cp-9")
    (tmp_path / "ca.crt").write_text("no")
    assert "give it by --ca" in faulty(SiteByCode(tmp_path / "ca.crt", None).authority)
