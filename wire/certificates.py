"""Certificates (X.509, RFC 5280) of a site: read one, and whether the site's authority made it for what it is used.

Four kinds, told apart by name and extended key usage: a unit and the gateway log in at the broker
(clientAuth), a broker is logged in to (serverAuth), and the gateway signs (codeSigning, with which nobody can
log in). Dates are the concern of TLS, not of this file: records hang on keys, and clocks are not trusted.
"""

from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from wire.keys import kid_of

Purpose = Literal["log-in", "serve", "sign"]
USAGES: dict[Purpose, x509.ObjectIdentifier] = {
    "log-in": ExtendedKeyUsageOID.CLIENT_AUTH,
    "serve": ExtendedKeyUsageOID.SERVER_AUTH,
    "sign": ExtendedKeyUsageOID.CODE_SIGNING,
}
MAX_DER_BYTES = 2048
LAST_MS = 90 * 86_400_000
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that are no certificate it knows; they have no common root."""


class BadCertificate(ValueError):
    """Bytes that are no certificate of this site for that purpose; the text says what is wrong."""


class Certificate(Struct, frozen=True):
    """One certificate, as the site's authority made it.

    `public`: the Ed25519 key's 32 raw bytes, and `kid` its name; `serial` rises from one issue to the next.
    `from_ms`, `to_ms`: UTC.
    """

    name: str
    purpose: Purpose
    serial: int
    public: bytes
    from_ms: int
    to_ms: int
    der: bytes

    @property
    def kid(self) -> str:
        """The name of its key."""
        return kid_of(self.public)

    @property
    def text(self) -> str:
        """As messages carry it: DER in base64."""
        return b64encode(self.der).decode("ascii")


def is_ageing(serial: int, to_ms: int, now_ms: int) -> bool:
    """Whether two thirds of its time are over, counted from its issue, which its number tells; it begins in 2000.

    Where a clock ran ahead when it was made, so that its number lies beyond its end: 90 days before that.
    """
    span_ms = to_ms - (serial >> 64)
    return to_ms - now_ms <= (span_ms // 3 if span_ms > 0 else LAST_MS)


class Authority:
    """The site's authority, as those who trust it know it: by its own certificate."""

    def __init__(self, pem: bytes) -> None:
        """`pem`: the authority's certificate. Raises `BadCertificate`."""
        try:
            self.certificate = x509.load_pem_x509_certificate(pem)
            key = self.certificate.public_key()
        except ValueError as exc:
            raise BadCertificate(f"the authority's certificate cannot be read: {exc}") from exc
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise BadCertificate("the authority's key is not one of an elliptic curve")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its certificate's DER, in hex: what people compare."""
        return sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()

    def read_text(self, text: str, purpose: Purpose) -> Certificate:
        """The certificate that a message carries. Raises `BadCertificate`."""
        if len(text) > MAX_DER_BYTES * 4 // 3:
            raise BadCertificate(f"{len(text)} characters, more than a certificate has")
        try:
            der = b64decode(text, validate=True)
        except ValueError as exc:
            raise BadCertificate(f"not base64: {exc}") from exc
        return self.read(der, purpose)

    def read(self, der: bytes, purpose: Purpose) -> Certificate:
        """The certificate in `der`, if this authority made it for `purpose`. Raises `BadCertificate`."""
        try:
            found = x509.load_der_x509_certificate(der)
            return self._checked(found, purpose)
        except BadCertificate:
            raise
        except UNREADABLE as exc:
            raise BadCertificate(f"not a certificate: {exc}") from exc

    def read_list(self, pem: bytes) -> dict[int, int]:
        """The serials that this authority's list of revoked certificates has, and since when (UTC ms).

        Raises `BadCertificate`.
        """
        key = self.certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        try:
            found = x509.load_pem_x509_crl(pem)
            is_ours = found.is_signature_valid(key)
            told = {one.serial_number: _ms(one.revocation_date_utc) for one in found}
        except UNREADABLE as exc:
            raise BadCertificate(f"not a list of revoked certificates: {exc}") from exc
        if not is_ours:
            raise BadCertificate("the list's signature is not the authority's")
        return told

    def _checked(self, found: x509.Certificate, purpose: Purpose) -> Certificate:
        self._check_maker(found)
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if list(usage) != [USAGES[purpose]]:
            raise BadCertificate(f"not made to {purpose}")
        key = found.public_key()
        if not isinstance(key, Ed25519PublicKey):
            raise BadCertificate("its key is not Ed25519")
        return Certificate(
            name=_name(found),
            purpose=purpose,
            serial=found.serial_number,
            public=key.public_bytes_raw(),
            from_ms=int(found.not_valid_before_utc.timestamp() * 1000),
            to_ms=int(found.not_valid_after_utc.timestamp() * 1000),
            der=found.public_bytes(Encoding.DER),
        )

    def _check_maker(self, found: x509.Certificate) -> None:
        if found.issuer != self.certificate.subject:
            raise BadCertificate("made by another authority")
        try:
            found.verify_directly_issued_by(self.certificate)
        except InvalidSignature as exc:
            raise BadCertificate("its signature is not the authority's") from exc


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _name(found: x509.Certificate) -> str:
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise BadCertificate("it has not one common name")
    return str(names[0].value)
