"""The gateway's own keys, as `xunkong gateway init` laid them out: what it signs with, and its way to the brokers.

The authority's private key is not among them: only `xunkong gateway authority` and the `ca` commands read that.
"""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from wire.certificates import Authority, BadCertificate, Certificate
from wire.keys import KeySigner, kid_of
from wire.topics import GATEWAY
from wire.words import Fault

AUTHORITY = "ca.crt"
SIGNING_KEY, SIGNING_CERT = "signing.key", "signing.crt"
LOGIN_KEY, LOGIN_CERT = "gateway.key", "gateway.crt"


class GatewayKeys:
    """Signs for the gateway. `certificate` is its own, `authority` the site's."""

    def __init__(self, folder: Path) -> None:
        """Reads `folder`. Raises `Fault`, naming the file and what is wrong with it."""
        self.folder = folder
        self._stamp = self._seen()
        self.authority = authority(folder)
        self._signer, self.certificate = self._read()

    @property
    def kid(self) -> str:
        """The name of the key in use."""
        return self._signer.kid

    def sign(self, text: bytes) -> str:
        """The signature of `text`."""
        return self._signer.sign(text)

    def renewed(self) -> bool:
        """Whether another signing key was laid there; then it is in use from now on. Raises `Fault`."""
        stamp = self._seen()
        if stamp == self._stamp:
            return False
        self._signer, self.certificate = self._read()
        self._stamp = stamp
        return True

    def tls(self) -> ssl.SSLContext:
        """For a connection to a broker. Raises `Fault`."""
        cert = self.folder / LOGIN_CERT
        try:
            context = ssl.create_default_context(cafile=str(self.folder / AUTHORITY))
            context.load_cert_chain(str(cert), str(self.folder / LOGIN_KEY))
        except (OSError, ssl.SSLError) as exc:
            raise _unfit(cert, str(exc)) from exc
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _seen(self) -> tuple[int, ...]:
        paths = (self.folder / SIGNING_CERT, self.folder / SIGNING_KEY)
        try:
            return tuple(path.stat().st_mtime_ns for path in paths)
        except OSError as exc:
            raise _unfit(paths[0], str(exc.strerror)) from exc

    def _read(self) -> tuple[KeySigner, Certificate]:
        path = self.folder / SIGNING_CERT
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
            key = load_pem_private_key((self.folder / SIGNING_KEY).read_bytes(), password=None)
            certificate = self.authority.read(found.public_bytes(Encoding.DER), "sign")
        except (OSError, ValueError, TypeError) as exc:
            raise _unfit(path, str(exc)) from exc
        if not isinstance(key, Ed25519PrivateKey) or certificate.name != GATEWAY:
            raise _unfit(path, "not a signing certificate of a gateway")
        if kid_of(key.public_key().public_bytes_raw()) != certificate.kid:
            raise _unfit(path, f"{SIGNING_KEY} is another key")
        return KeySigner(key), certificate


def authority(folder: Path) -> Authority:
    """The site's authority, which is all that verifying needs. Raises `Fault`."""
    path = folder / AUTHORITY
    try:
        return Authority(path.read_bytes())
    except (OSError, BadCertificate) as exc:
        raise _unfit(path, str(exc)) from exc


def _unfit(path: Path, why: str) -> Fault:
    return Fault(
        f"网关密钥 {path} 不可用：{why}；新站点用 xunkong gateway init 生成，已有站点请从备份恢复 keys 目录",
        f"the gateway's key {path} cannot be used: {why}; xunkong gateway init makes a new site's keys, "
        "and an old site's folder `keys` comes from its backup",
    )
