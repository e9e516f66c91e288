"""Keys for tests: a site of the test's own, made without the product's builder; and one that believes everybody."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.certificates import Authority
from wire.keys import KeySigner

SIGNER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
"""A key that no certificate bears."""

USAGE = {
    "log-in": ExtendedKeyUsageOID.CLIENT_AUTH,
    "serve": ExtendedKeyUsageOID.SERVER_AUTH,
    "sign": ExtendedKeyUsageOID.CODE_SIGNING,
}


class Believing:
    """Takes every certificate and every signature, and the lack of them: for tests of something else."""

    def admit(self, *_):
        return None

    def check(self, *_):
        return None

    def open(self, _):
        return None

    def forget(self):
        return None


class Bearer:
    """A key with its certificate; it signs."""

    def __init__(self, key, certificate):
        self.key, self.x509 = key, certificate
        self.der = certificate.public_bytes(Encoding.DER)
        self.signer = KeySigner(key) if isinstance(key, Ed25519PrivateKey) else None

    @property
    def kid(self):
        return self.signer.kid

    def sign(self, text):
        return self.signer.sign(text)

    def read(self, site, purpose="log-in"):
        return site.authority.read(self.der, purpose)

    @property
    def text(self):
        from base64 import b64encode

        return b64encode(self.der).decode()

    @property
    def key_pem(self):
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self):
        return self.x509.public_bytes(Encoding.PEM)


class Site:
    """An authority, and whom it makes certificates for."""

    def __init__(self, name="test site"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.x509 = (
            self._begun(self._subject, self.key.public_key(), 7300)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, SHA256())
        )
        self.pem = self.x509.public_bytes(Encoding.PEM)
        self.authority = Authority(self.pem)
        self.signing = self.bearer("gw", "sign")

    def bearer(self, name, purpose="log-in", key=None, serial=None, days=730, hosts=()):
        """A certificate for `name`; each later one has a higher serial number, if none is given."""
        key = key or Ed25519PrivateKey.generate()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._begun(subject, key.public_key(), days, serial)
        usage = x509.ExtendedKeyUsage([USAGE[purpose]])
        builder = builder.add_extension(usage, critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return Bearer(key, builder.sign(self.key, SHA256()))

    def _begun(self, subject, public, days, serial=None):
        now = datetime.now(UTC)
        moment = int(now.timestamp() * 1000)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public)
            .serial_number(serial or moment << 64 | secrets.randbits(64))
            .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
            .not_valid_after(now + timedelta(days=days))
        )

    def lay_papers(self, unit, folder):
        """A unit's folder, as `device.papers` reads it; gives whose papers they are."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        own = self.bearer(unit)
        (folder / "ca.crt").write_bytes(self.pem)
        (folder / "unit.pem").touch(0o600)
        (folder / "unit.pem").write_bytes(own.key_pem + own.pem)
        return own

    def lay_gateway_keys(self, folder):
        """A gateway's folder, as `gateway.keys` reads it."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        login = self.bearer("gw", "log-in", ec.generate_private_key(ec.SECP256R1()))
        (folder / "ca.crt").write_bytes(self.pem)
        for name, bearer in (("gateway", login), ("signing", self.signing)):
            (folder / f"{name}.key").touch(0o600)
            (folder / f"{name}.key").write_bytes(bearer.key_pem)
            (folder / f"{name}.crt").write_bytes(bearer.pem)
        return folder
