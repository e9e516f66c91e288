"""Certificates and lists: their profile, what OpenSSL says of them, and requests that are not signed for."""

import base64
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.certificates import (
    BadRequest,
    Issuer,
    Revoked,
    certify,
    issued_ms,
    new_issuer,
    read_request,
    revocation_list,
)
from tests.csr import signing_request
from wire.certificates import Authority, BadCertificate

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
UNIT = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def issuer():
    return new_issuer("Xunkong test", NOW_MS)


def made(issuer, name="cp-01", purpose="log-in", key=UNIT, days=730, hosts=(), now_ms=NOW_MS):
    return certify(issuer, name, key.public_key(), purpose, now_ms, days, hosts)


def authority(issuer):
    return Authority(issuer.certificate.public_bytes(Encoding.PEM))


def openssl(tmp_path, issuer, certificate, purpose, *more):
    (tmp_path / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "it.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-attime", str(NOW_MS // 1000)]
    command += ["-purpose", purpose, "-CAfile", str(tmp_path / "ca.pem"), *more]
    done = subprocess.run(
        [*command, str(tmp_path / "it.pem")], capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def test_everything_begins_in_2000_and_ends_in_its_time(issuer):
    certificate = made(issuer)
    for one in (certificate, issuer.certificate):
        assert one.not_valid_before_utc.isoformat() == "2000-01-01T00:00:00+00:00"
    end_ms = certificate.not_valid_after_utc.timestamp() * 1000
    assert end_ms == NOW_MS + 730 * DAY_MS
    assert issuer.certificate.not_valid_after_utc.year == 2046


def test_serial_numbers_rise_with_each_issue_and_say_when(issuer):
    serials = [made(issuer, now_ms=NOW_MS + at).serial_number for at in range(50)]
    assert serials == sorted(serials)
    assert issued_ms(serials[7]) == NOW_MS + 7
    assert made(issuer).serial_number != made(issuer).serial_number
    assert max(serials).bit_length() < 160


def test_what_the_unit_reads_in_it(issuer):
    certificate = made(issuer)
    found = authority(issuer).read(certificate.public_bytes(Encoding.DER), "log-in")
    assert (found.name, found.serial) == ("cp-01", certificate.serial_number)
    assert found.public == UNIT.public_key().public_bytes_raw()


@pytest.mark.parametrize("purpose", ["log-in", "serve", "sign"])
@pytest.mark.parametrize("asked", ["log-in", "serve", "sign"])
def test_each_purpose_is_good_for_itself_alone(issuer, purpose, asked):
    der = made(issuer, purpose=purpose).public_bytes(Encoding.DER)
    if purpose == asked:
        assert authority(issuer).read(der, asked).purpose == asked
        return
    with pytest.raises(BadCertificate, match=f"not made to {asked}"):
        authority(issuer).read(der, asked)


@pytest.mark.parametrize(
    ("purpose", "client", "server"),
    [("log-in", True, False), ("serve", False, True), ("sign", False, False)],
)
def test_openssl_takes_each_for_its_purpose_alone(tmp_path, issuer, purpose, client, server):
    certificate = made(issuer, purpose=purpose)
    assert openssl(tmp_path, issuer, certificate, "sslclient")[0] == client
    assert openssl(tmp_path, issuer, certificate, "sslserver")[0] == server


def test_an_authority_makes_no_authority_below_itself(tmp_path, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    below = made(issuer, name="below", key=key, purpose="log-in")
    child = certify(Issuer(key, below), "cp-01", UNIT.public_key(), "log-in", NOW_MS, 30)
    (tmp_path / "below.pem").write_bytes(below.public_bytes(Encoding.PEM))
    held, said = openssl(
        tmp_path, issuer, child, "sslclient", "-untrusted", str(tmp_path / "below.pem")
    )
    assert not held
    assert "invalid CA certificate" in said


def test_where_a_broker_serves(issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = ["gw.example.cn", "10.0.0.7", "::1", "gw.example.cn"]
    names = made(issuer, "Broker", "serve", key, hosts=hosts).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == ["gw.example.cn", "10.0.0.7", "::1"]


def test_a_list_is_ordered_by_number_and_never_of_the_future(issuer):
    crl = revocation_list(issuer, [Revoked(77, NOW_MS), Revoked(5, NOW_MS)], 3)
    assert crl.last_update_utc.isoformat() == "2000-01-01T00:00:03+00:00"
    assert crl.next_update_utc == issuer.certificate.not_valid_after_utc
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3
    assert [one.serial_number for one in crl] == [5, 77]
    assert crl.is_signature_valid(issuer.certificate.public_key())


def test_openssl_refuses_what_the_list_names(tmp_path, issuer):
    certificate, another = made(issuer), made(issuer)
    crl = revocation_list(issuer, [Revoked(certificate.serial_number, NOW_MS)], 1)
    (tmp_path / "crl.pem").write_bytes(crl.public_bytes(Encoding.PEM))
    more = ("-crl_check", "-CRLfile", str(tmp_path / "crl.pem"))
    held, said = openssl(tmp_path, issuer, certificate, "sslclient", *more)
    assert not held
    assert "certificate revoked" in said
    assert openssl(tmp_path, issuer, another, "sslclient", *more)[0]


# Requests


def test_a_unit_s_request_gives_its_key():
    public = read_request(signing_request(UNIT, "cp-01"), "cp-01")
    assert public.public_bytes_raw() == UNIT.public_key().public_bytes_raw()


def tampered():
    """Another key's bytes under the same signature."""
    request = x509.load_pem_x509_csr(signing_request(UNIT, "cp-01").encode())
    der = request.public_bytes(Encoding.DER)
    own = UNIT.public_key().public_bytes_raw()
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return x509.load_der_x509_csr(der.replace(own, other)).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (lambda: "", "no signing request"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END", "no signing request"),
        (lambda: "x" * 5000, "5000 characters"),
        (lambda: signing_request(UNIT, "cp-02"), "for 'cp-02', not for 'cp-01'"),
        (lambda: signing_request(UNIT, "cp-01", "cp-01"), "not one common name"),
        (lambda: signing_request(ec.generate_private_key(ec.SECP256R1()), "cp-01"), "not Ed25519"),
        (lambda: signing_request(rsa.generate_private_key(65537, 2048), "cp-01"), "not Ed25519"),
        (tampered, "not signed by its own key"),
    ],
)
def test_what_is_not_signed_for(pem, why):
    with pytest.raises(BadRequest, match=why):
        read_request(pem(), "cp-01")


DER = x509.load_pem_x509_csr(signing_request(UNIT, "cp-01").encode()).public_bytes(Encoding.DER)


@pytest.mark.filterwarnings("ignore")
@given(
    at=st.lists(
        st.tuples(st.integers(0, len(DER) - 1), st.binary(min_size=0, max_size=4)), max_size=4
    )
)
def test_a_hostile_request_is_refused_and_nothing_worse(at):
    der = bytearray(DER)
    for place, change in at:
        der[place : place + max(1, len(change))] = change
    body = base64.encodebytes(bytes(der)).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    try:
        public = read_request(pem, "cp-01")
    except BadRequest:
        return
    assert public.public_bytes_raw() == UNIT.public_key().public_bytes_raw()


@given(st.text(max_size=3000))
def test_any_text_is_refused(text):
    with pytest.raises(BadRequest):
        read_request(text, "cp-01")
