"""The unit's papers in one folder: its own private key and certificate, and the authority that it trusts.

`unit.pem` holds key and certificate together, so that one rename replaces both; `ca.crt` is the site's
authority. The key was made here, and never leaves. A unit without papers takes taps and keeps them; what it
kept waits until it has some.
"""

import os
import ssl
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Struct

from wire.certificates import Authority, BadCertificate, Certificate
from wire.keys import KeySigner, kid_of
from wire.words import Fault

OWN = "unit.pem"
RETIRED = "retired"
"""The mark of a unit that was put out of service (`device.retired`); new papers take it away."""

AUTHORITY = "ca.crt"
NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: a box with a wrong clock must find home."""


class _Held(Struct, frozen=True):
    signer: KeySigner
    certificate: Certificate


class Papers:
    """Read anew for each connection, by the thread that connects; any thread may sign."""

    def __init__(self, unit: str | None, folder: Path) -> None:
        """`unit`: whose they must be; None: whoever's they are."""
        self._unit, self.folder = unit, folder
        self._held: _Held | None = None

    def load(self) -> Certificate:
        """Reads what is there now. Raises `Fault`, which says what is wanting."""
        if os.path.exists(self.folder / RETIRED):  # noqa: PTH110 - false too where nothing may be seen
            raise _retired()
        authority = self.authority()
        key, certificate = _read_own(self.folder / OWN)
        try:
            found = authority.read(certificate.public_bytes(Encoding.DER), "log-in")
        except BadCertificate as exc:
            raise _unfit(self.folder / OWN, str(exc)) from exc
        if self._unit is not None and found.name != self._unit:
            raise _unfit(self.folder / OWN, f"made for unit {found.name}, not {self._unit}")
        if found.kid != kid_of(key.public_key().public_bytes_raw()):
            raise _unfit(self.folder / OWN, "certificate and key do not belong together")
        self._held = _Held(KeySigner(key), found)
        return found

    def authority(self) -> Authority:
        """The site's authority. Raises `Fault` where it is not known."""
        path = self.folder / AUTHORITY
        try:
            return Authority(path.read_bytes())
        except OSError as exc:
            raise Fault(
                f"没有证书机构的证书 {path}（{exc.strerror}）；请运行 xunkong device enrol",
                f"there is no certificate of the authority, {path} ({exc.strerror}); run xunkong device enrol",
            ) from exc
        except BadCertificate as exc:
            raise _unfit(path, str(exc)) from exc

    def tls(self) -> ssl.SSLContext:
        """For a connection to a broker that this authority made a certificate for. Raises `Fault`."""
        own = self.folder / OWN
        try:
            context = ssl.create_default_context(cafile=str(self.folder / AUTHORITY))
            context.load_cert_chain(str(own))
        except (OSError, ssl.SSLError) as exc:
            raise _unfit(own, str(exc)) from exc
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        return context

    @property
    def certificate(self) -> Certificate | None:
        """The certificate in use; None where there is none yet."""
        return self._held.certificate if self._held else None

    @property
    def shown(self) -> str | None:
        """The certificate as a greeting shows it (DER, base64); None where there is none yet."""
        return self._held.certificate.text if self._held else None

    @property
    def kid(self) -> str:
        """The name of the key in use."""
        return self._in_use().signer.kid

    def sign(self, text: bytes) -> str:
        """The signature of `text`. Raises `Fault` where there is no key: nothing is sent then either."""
        return self._in_use().signer.sign(text)

    def _in_use(self) -> _Held:
        if self._held is None:
            raise Fault(
                "本单元没有证书；请运行 xunkong device enrol",
                "this unit has no certificate; run xunkong device enrol",
            )
        return self._held


def _read_own(path: Path) -> tuple[Ed25519PrivateKey, x509.Certificate]:
    text = _read_private(path)
    try:
        key = load_pem_private_key(text, password=None)
        certificate = x509.load_pem_x509_certificate(text)
    except (ValueError, TypeError) as exc:
        raise _unfit(path, str(exc)) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise _unfit(path, "its key is not Ed25519")
    return key, certificate


def _read_private(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(65_536)
    except OSError as exc:
        raise Fault(
            f"没有本单元的证书 {path}（{exc.strerror}）；请运行 xunkong device enrol",
            f"there is no certificate of this unit, {path} ({exc.strerror}); run xunkong device enrol",
        ) from exc
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise _unfit(path, "open to others than its owner (chmod 600, if nobody has read it)")
    return text


def _retired() -> Fault:
    return Fault(
        "本单元已退役，密钥已清除；重新启用请运行 xunkong provision host 或 device enrol",
        "this unit is retired, and its keys are wiped; to use it again run xunkong provision host, or "
        "device enrol",
    )


def _unfit(path: Path, why: str) -> Fault:
    return Fault(
        f"{path} 不可用：{why}；请运行 xunkong device enrol 重新领取证书",
        f"{path} cannot be used: {why}; run xunkong device enrol for a new certificate",
    )


def lay(folder: Path, key: Ed25519PrivateKey, certificate: bytes, authority: bytes) -> None:
    """Lays papers down, each file whole or not at all. `certificate`, `authority`: PEM. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RETIRED).unlink(missing_ok=True)
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate
    for name, text in ((AUTHORITY, authority), (OWN, own)):
        draft = folder / f".{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / name)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
