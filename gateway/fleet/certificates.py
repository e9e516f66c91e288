"""Builds what the site's authority signs: certificates and the list of revoked ones (X.509, RFC 5280); pure.

Everything begins in 2000, since a unit may wake without a clock. A serial number is the moment of issue
(milliseconds since 1970, 64 bits up) and 64 random bits, so that serials rise from one issue to the next.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from msgspec import Struct

from wire.certificates import USAGES, Purpose

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
AUTHORITY_DAYS = 20 * 365
DAY_MS = 86_400_000
MAX_REQUEST_CHARS = 2048
LOCAL = ("localhost", "127.0.0.1")
"""By these names a broker is always reached from its own machine."""

Public = Ed25519PublicKey | ec.EllipticCurvePublicKey


class BadRequest(ValueError):
    """A signing request that is not signed for; the text says why."""


class Issuer(Struct, frozen=True):
    """The site's authority: its key (P-256) and its own certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Revoked(Struct, frozen=True):
    """A certificate that is out since `at_ms` (UTC)."""

    serial: int
    at_ms: int


def new_issuer(name: str, now_ms: int) -> Issuer:
    """A new authority, which signs certificates and lists and can make no authority below itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    usage = _key_usage(signs_certificates=True)
    builder = (
        _begun(subject, subject, key.public_key(), now_ms, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return Issuer(key, builder.sign(key, SHA256()))


def certify(
    issuer: Issuer,
    name: str,
    public: Public,
    purpose: Purpose,
    now_ms: int,
    days: int,
    hosts: Iterable[str] = (),
    after: int = 0,
) -> x509.Certificate:
    """A certificate for `public`, good for `days` from `now_ms` on; `hosts`: names or addresses it serves at.

    `after`: the highest serial number so far; the clock may have run ahead when that was given.
    """
    key = issuer.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    builder = (
        _begun(_subject(name), issuer.certificate.subject, public, now_ms, days, after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([USAGES[purpose]]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key), critical=False)
    )
    names = [_general_name(host) for host in dict.fromkeys(hosts)]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer.key, SHA256())


def revocation_list(
    issuer: Issuer, revoked: Iterable[Revoked], number: int
) -> x509.CertificateRevocationList:
    """The list number `number` (from 1).

    Its date is `number` seconds after 2000 and it ends with the authority: OpenSSL takes the list of the
    later date, ignores a second one of the same second, and lets nobody in when a list is of the future or
    over. So lists are ordered by number, and no clock can lock the site out.
    """
    key = issuer.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(BEGIN + timedelta(seconds=number))
        .next_update(issuer.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key), critical=False)
    )
    for one in sorted(revoked, key=lambda one: one.serial):
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial)
        builder = builder.add_revoked_certificate(entry.revocation_date(_utc(one.at_ms)).build())
    return builder.sign(issuer.key, SHA256())


def read_request(pem: str, unit: str) -> Ed25519PublicKey:
    """The key that `unit` asks a certificate for. Raises `BadRequest`; what else the request says is ignored."""
    if len(pem) > MAX_REQUEST_CHARS:
        raise BadRequest(f"{len(pem)} characters; a request has at most {MAX_REQUEST_CHARS}")
    try:
        found = x509.load_pem_x509_csr(pem.encode())
        key, holds = found.public_key(), found.is_signature_valid
        name = common_name(found.subject)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise BadRequest(f"no signing request: {exc}") from exc
    if name != unit:
        raise BadRequest(f"for {name!r}, not for {unit!r}")
    if not isinstance(key, Ed25519PublicKey):
        raise BadRequest("its key is not Ed25519")
    if not holds:
        raise BadRequest("not signed by its own key")
    return key


def common_name(subject: x509.Name) -> str:
    """The one common name of `subject`. Raises ValueError when there is none, or more."""
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise ValueError("it has not one common name")
    return str(names[0].value)


def issued_ms(serial: int) -> int:
    """When a certificate of this serial number was made (UTC)."""
    return serial >> 64


def end_ms(certificate: x509.Certificate) -> int:
    """When it ends (UTC)."""
    return int(certificate.not_valid_after_utc.timestamp() * 1000)


def _begun(
    subject: x509.Name, issuer: x509.Name, public: Public, now_ms: int, days: int, after: int = 0
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(max(now_ms, issued_ms(after) + 1) << 64 | secrets.randbits(64))
        .not_valid_before(BEGIN)
        .not_valid_after(_utc(now_ms + days * DAY_MS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    address = _address(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)
