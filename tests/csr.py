"""A unit's signing request, made without the product's own code."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def signing_request(key, unit, *more):
    """A unit's request as PEM text; `more`: further names in it."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in (unit, *more)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    hashed = None if isinstance(key, Ed25519PrivateKey) else SHA256()
    return builder.sign(key, hashed).public_bytes(Encoding.PEM).decode()
