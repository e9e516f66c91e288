"""`xunkong gateway ca …` and `broker …`, as somebody types them."""

import json
import re

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

import xunkong
from gateway.fleet.roll import entries
from gateway.fleet.site_keys import OWN
from gateway.fleet.visitor import TurnedAway
from gateway.store.schema import strikes
from tests.csr import signing_request
from wire.certificates import Authority


@pytest.fixture
def xk(site, capsys):
    """Runs a command on the site; gives its exit code, and what it said on stdout and stderr."""

    def run(*args, language="en"):
        words = ["--lang", language, "gateway", *map(str, args), "--config", str(site.toml)]
        code = xunkong.main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def csr(tmp_path):
    path = tmp_path / "cp-01.csr"
    path.write_text(signing_request(Ed25519PrivateKey.generate(), "cp-01"))
    return path


def rows(said):
    return [json.loads(line) for line in said.splitlines()]


def test_a_request_becomes_a_certificate(xk, site, csr, tmp_path):
    code, out, err = xk("ca", "issue", "--csr", csr)
    assert (code, err) == (0, "")
    der = x509.load_pem_x509_certificate(out.encode()).public_bytes(Encoding.DER)
    authority = Authority((site.keys.path / "ca.crt").read_bytes())
    assert authority.read(der, "log-in").name == "cp-01"
    path = tmp_path / "cp-01.crt"
    [row] = rows(xk("ca", "issue", "--csr", csr, "--out", path, "--json")[1])
    serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
    assert row == {"unit": "cp-01", "serial": f"{serial:032x}", "out": str(path)}


def test_another_one_for_the_key_that_is_known(xk, site_store, csr):
    xk("ca", "issue", "--csr", csr)
    assert xk("ca", "issue", "--renew", "--unit", "cp-01")[0] == 0
    first, second = [one for one in entries(site_store) if one.unit == "cp-01"]
    assert first.kid == second.kid
    assert first.serial < second.serial


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("ca", "issue", "--renew", "--unit", "cp-01"), "cp-01 has no certificate that counts"),
        (("ca", "issue", "--renew"), "--renew needs --unit"),
        (("ca", "issue", "--csr", "/nowhere"), "cannot read /nowhere"),
        (
            ("ca", "issue", "--csr", "/dev/null"),
            "is not signed for: it is no .*; .*device enrol --csr",
        ),
        (
            ("ca", "renew", "cellar"),
            "'cellar' is no key of the site; give broker, gateway, signing",
        ),
        (("ca", "renew", "--host", "a b"), "--host 'a b' is neither a host's name nor an address"),
        (("ca", "revoke", "--unit", "gw", "--why", "x"), "'gw' is no unit's name"),
        (("ca", "code", "--unit", "Broker"), "'Broker' is no unit's name"),
        (("ca", "code", "--unit", "cp-01", "--valid-h", "0"), "--valid-h 0: give more than 0"),
        (("broker", "check"), "does not take valid certificates"),
    ],
)
def test_what_is_wrong_is_said_and_what_to_do(xk, args, said):
    code, out, err = xk(*args)
    assert (code, out) == (2, "")
    assert re.search(said, err)
    assert re.search("[\u4e00-\u9fff]", xk(*args, language="zh")[2])


def test_a_request_for_another_unit(xk, csr):
    assert "for 'cp-01', not for 'cp-02'" in xk("ca", "issue", "--csr", csr, "--unit", "cp-02")[2]


def test_new_keys_for_the_site(xk, site, site_store, broker):
    held = {name: site.keys.certificate(name) for name in OWN}
    made = rows(xk("ca", "renew", "--host", "gw.example.cn", "--json")[1])
    assert [row["name"] for row in made] == list(OWN)
    assert {row["broker"] for row in made} == {"reloaded"}
    for name, old in held.items():
        new = site.keys.certificate(name)
        assert new.serial_number > old.serial_number
        assert new.public_key() != old.public_key()
    names = site.keys.certificate("broker").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert str(names.value[0].value) == "gw.example.cn"
    assert "gateway.local" in [str(one.value) for one in names.value]
    out = {one.serial for one in entries(site_store) if one.revoked_ms}
    assert out == {f"{held['gateway'].serial_number:032x}"}
    with site.gateway():
        pass


def test_certificates_alone(xk, site):
    held = site.keys.certificate("signing")
    assert xk("ca", "renew", "signing", "--keep-key")[0] == 0
    assert site.keys.certificate("signing").public_key() == held.public_key()
    assert site.keys.certificate("signing").serial_number > held.serial_number


def test_revoke_puts_a_unit_out_at_once(xk, site, site_store, broker):
    tls, *_ = site.unit(site_store, "cp-01")
    with site.visit("cp-01", tls) as unit:
        code, out, err = xk("ca", "revoke", "--unit", "cp-01", "--why", "stolen", "--json")
        assert (code, err) == (0, "")
        assert rows(out) == [
            {"unit": "cp-01", "revoked": 1, "broker": "reloaded", "session": "ended"}
        ]
        assert unit.gone.wait(10)
    with pytest.raises(TurnedAway), site.visit("cp-01", tls):
        pass


def test_a_leaked_signing_key_gives_way_to_a_new_one(xk, site, site_store):
    first = site.keys.certificate("signing")
    assert xk("ca", "renew", "signing")[0] == 0
    second = site.keys.certificate("signing")
    serials = [f"{one.serial_number:032x}" for one in (first, second)]
    asked = ("ca", "revoke", "--own", "signing", "--why", "leaked", "--json")
    since = ("--serial", serials[0], "--since", "2026-01-02T08:00+08:00")
    assert rows(xk(*asked, *since)[1])[0]["revoked"] == 1
    assert site.keys.certificate("signing") == second
    assert rows(xk(*asked)[1])[0]["revoked"] == 1
    assert site.keys.certificate("signing").public_key() != second.public_key()
    out = {one.serial: one.revoked_ms for one in entries(site_store) if one.revoked_ms}
    assert set(out) == set(serials)
    assert out[serials[0]] == 1_767_312_000_000
    assert {f"{one.serial_number:032x}" for one in site.keys.revocations()} == set(serials)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--own", "signing", "--serial", "ab"), "there is no such signing certificate"),
        (("--unit", "cp-01", "--since", "2026-01-02"), "--serial and --since need --own"),
    ],
)
def test_revoking_a_key_that_is_not_there(xk, args, said):
    code, _, err = xk("ca", "revoke", "--why", "x", *args)
    assert code == 2
    assert said in err


def test_revoking_ends_codes_that_were_given_before(xk, site, site_store, broker):
    site.unit(site_store, "cp-01")
    assert xk("ca", "code", "--unit", "cp-01")[0] == 0
    assert xk("ca", "revoke", "--unit", "cp-01", "--why", "stolen")[0] == 0
    assert (site.folder / "broker" / "passwords").read_text() == ""


def test_a_unit_that_nobody_knows_is_put_out_and_said_to_be_unknown(xk, site_store, broker):
    code, out, err = xk("ca", "revoke", "--unit", "cp-99", "--why", "stolen")
    assert (code, out) == (2, "")
    assert "no unit cp-99 is known: check the name" in err
    with site_store.reading() as connection:
        assert connection.execute(sa.select(strikes.c.unit)).scalars().all() == ["cp-99"]


def test_a_revoked_key_gets_no_certificate(xk, site, site_store, csr, broker):
    assert xk("ca", "issue", "--csr", csr)[0] == 0
    assert xk("ca", "revoke", "--unit", "cp-01", "--why", "stolen")[0] == 0
    code, _, err = xk("ca", "issue", "--csr", csr)
    assert code == 2
    assert re.search(r"no certificate for cp-01: its key \w+ was revoked", err)


def test_revoked_is_revoked_though_the_broker_is_away(xk, site, site_store):
    site.unit(site_store, "cp-01")
    code, _, err = xk("ca", "revoke", "--unit", "cp-01", "--why", "stolen")
    assert code == 2
    assert "cp-01 is revoked and the gateway takes nothing from it, but its session" in err
    assert [one.why for one in entries(site_store, "cp-01")] == ["stolen"]
    assert len(site.keys.revocations()) == 1


def test_a_code_is_shown_once_with_what_to_do(xk, site, broker):
    [row] = rows(xk("ca", "code", "--unit", "cp-01", "--json")[1])
    assert row["next"] == "xunkong device enrol --code -"
    assert row["broker"] == "reloaded"
    assert "cp-01:$7$" in (site.folder / "broker" / "passwords").read_text()


def test_list_and_crl(xk, site, broker):
    listed = rows(xk("ca", "list", "--json")[1])
    assert sorted((row["unit"], row["purpose"]) for row in listed) == [
        ("Broker", "serve"),
        ("gw", "log-in"),
        ("gw", "sign"),
    ]
    assert "issued=20" in xk("ca", "list")[1]
    [row] = rows(xk("ca", "crl", "--json")[1])
    assert row == {"list": str(site.keys.path / "crl.pem"), "revoked": 0, "broker": "reloaded"}


def test_no_private_key_is_ever_printed(xk, site, csr, broker):
    secrets = [
        line
        for path in site.keys.path.glob("*.key")
        for line in path.read_text().splitlines()
        if not line.startswith("-----")
    ]
    said = ""
    for words in (("ca", "list"), ("ca", "issue", "--csr", csr), ("ca", "renew"), ("ca", "crl")):
        said += "".join(map(str, xk(*words)))
    assert secrets
    assert not any(secret in said for secret in secrets)


def test_broker_config_says_how_to_go_on(xk, site):
    code, out, err = xk("broker", "config", "--account", "root")
    assert (code, err) == (0, "")
    assert f"next=mosquitto -c {site.folder}/broker/mosquitto.conf" in out
    assert "user root" in (site.folder / "broker" / "mosquitto.conf").read_text()


def test_broker_check_exits_with_what_it_found(xk, site, broker):
    code, out, err = xk("broker", "check", "--json")
    assert (code, err) == (0, "")
    assert all(row["held"] for row in rows(out))
    assert "明文 TCP" in xk("broker", "check", language="zh")[1]
    acl = site.folder / "broker" / "acl-units"
    acl.write_text(acl.read_text() + "pattern readwrite xk/v1/#\n")
    xk("ca", "crl")
    assert xk("broker", "check")[0] == 1
