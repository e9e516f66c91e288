"""The gateway's own commands, on a site as `gateway init` makes it: on its folder, and as they are run over SSH."""

import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.site import lay_out
from provision.host.machine import Login, Machine
from provision.host.site import Broker, SiteByCode, SiteFolder
from provision.host.site_ssh import CONFIG, SiteOverSsh, gateway_login
from tests.csr import signing_request
from tests.provision.conftest import faulty
from wire.certificates import Authority
from wire.keys import kid_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("town") / "site"
    lay_out(made, ["gw.example.cn"], 28883)
    return made


def over_ssh(config):
    """The machine that is entered is this very one; over SSH itself it is in tests/virtual_pi."""
    return SiteOverSsh(lambda: Machine(None), str(config), (sys.executable, "-m", "xunkong"))


@pytest.fixture(params=[SiteFolder, over_ssh])
def site(request, folder):
    return request.param(folder / "gateway.toml")


def test_where_units_go_is_as_the_site_was_laid_out(site):
    assert site.brokers() == [Broker("gw.example.cn", 28883)]
    assert site.code() is None


def test_a_port_that_was_changed_since_is_where_units_go(tmp_path):
    lay_out(tmp_path / "s", ["gw.example.cn", "10.0.0.7"], 28883)
    toml = tmp_path / "s/gateway.toml"
    toml.write_text(toml.read_text("utf-8").replace("units_port = 28883", "units_port = 9883"))
    found = SiteFolder(toml).brokers()
    assert found == [Broker("gw.example.cn", 9883), Broker("10.0.0.7", 9883)]


def test_a_certificate_is_issued_for_a_request_and_counts(site):
    unit = "cp-9" if type(site) is SiteFolder else "cp-90"
    key = Ed25519PrivateKey.generate()
    kid = kid_of(key.public_key().public_bytes_raw())
    assert not site.counts(unit, kid)
    assert not site.taken(unit)
    pem = site.issue(unit, signing_request(key, unit))
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    read = Authority(site.authority()).read(der, "log-in")
    assert (read.name, read.kid) == (unit, kid)
    assert site.counts(unit, kid)
    assert site.taken(unit)
    assert not site.counts("cp-8", kid)


def test_a_unit_that_nobody_heard_of_is_not_on_line(site):
    assert site.heard("cp-7") == {"online": False}


def test_a_code_is_given(site):
    assert len(site.new_code("cp-6", 2)) >= 8


def test_the_key_of_releases_is_there_when_the_site_has_one(site, folder):
    (folder / "release.pub").unlink(missing_ok=True)
    assert site.release_key() is None
    (folder / "release.pub").write_bytes(b"key")
    assert site.release_key() == b"key"


def test_what_the_gateway_refuses_is_passed_on(site):
    assert "failed" in (said := faulty(site.issue, "cp-9", "no request"))
    assert "signing request" in said


@pytest.mark.parametrize("reached", [SiteFolder, over_ssh])
def test_a_folder_that_is_none(tmp_path, reached):
    assert "give the gateway's gateway.toml" in faulty(reached(tmp_path / "x.toml").authority)


@pytest.mark.parametrize("reached", [SiteFolder, over_ssh])
def test_a_site_that_lost_its_certificate(tmp_path, reached):
    (tmp_path / "gateway.toml").write_text("[keys]\n")
    assert "give it by --ca" in faulty(reached(tmp_path / "gateway.toml").authority)


KNOWN = Path("known")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("ssh://gw", (Login("gw", 22, "root", None, None, KNOWN), CONFIG)),
        ("ssh://gw/", (Login("gw", 22, "root", None, None, KNOWN), CONFIG)),
        ("ssh://me@gw:2222/a/g.toml", (Login("gw", 2222, "me", None, None, KNOWN), "/a/g.toml")),
        ("ssh://me@[fe80::1]", (Login("fe80::1", 22, "me", None, None, KNOWN), CONFIG)),
    ],
)
def test_a_gateway_over_ssh(url, found):
    assert gateway_login(url, None, KNOWN) == found


@pytest.mark.parametrize(
    "url",
    ["ssh://", "ssh://gw:x", "ssh://gw:70000", "ssh://me:secret@gw", "ssh://gw/a?b", "ssh://[gw"],
)
def test_what_is_no_gateway_over_ssh(url):
    assert "should be ssh://user@host" in faulty(gateway_login, url, None, KNOWN)


def test_by_code_the_authority_is_carried(folder, tmp_path):
    site = SiteByCode(folder / "keys" / "ca.crt", "CODE")
    assert site.authority() == (folder / "keys" / "ca.crt").read_bytes()
    assert (site.code(), site.issue("cp-9", ""), site.heard("cp-9")) == ("CODE", None, None)
    assert site.counts("cp-9", "k") and not site.taken("cp-9")
    assert "--replace needs --gateway" in faulty(site.retire, "cp-9")
    (tmp_path / "ca.crt").write_text("no")
    assert "give it by --ca" in faulty(SiteByCode(tmp_path / "ca.crt", None).authority)
