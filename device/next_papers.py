"""The unit's next key: made here, asked for, and in its certificate's place once that has come.

Until then it lies in `unit.next.pem`, so that a repeated request is the same one, whatever happens between.
"""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from device.papers import AUTHORITY, OWN, lay
from wire.certificates import Authority, BadCertificate, Certificate
from wire.keys import kid_of
from wire.words import Fault

NEXT = "unit.next.pem"


class NextPapers:
    """Of `unit`, in `folder`. All raise `Fault` where a file cannot be read or written."""

    def __init__(self, unit: str, folder: Path) -> None:
        self._unit, self._folder = unit, folder
        self._path = folder / NEXT

    def request(self) -> str:
        """The signing request (PEM, RFC 2986) for the next key, which is made if there is none yet."""
        key = self._held() or self._make()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._unit)])
        made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
        return made.public_bytes(Encoding.PEM).decode("ascii")

    def lay(self, certificate: Certificate) -> None:
        """Puts key and certificate in use, from the next connection on."""
        key = self._held()
        if key is None or _kid(key) != certificate.kid:
            raise Fault(
                "收到的证书不属于本单元所请求的密钥，未作改动",
                "the certificate that came is not for the key that was asked for; nothing was changed",
            )
        if certificate.name != self._unit:
            raise Fault(
                f"收到的证书属于 {certificate.name}，未作改动",
                f"the certificate that came is for {certificate.name}; nothing was changed",
            )
        pem = x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM)
        try:
            lay(self._folder, key, pem, (self._folder / AUTHORITY).read_bytes())
            self._path.unlink()
        except OSError as exc:
            raise _unwritten(self._folder, exc) from exc

    def take(self, text: str) -> None:
        """Puts the certificate (DER, base64) in use that came from the gateway, if the authority made it."""
        try:
            found = Authority((self._folder / AUTHORITY).read_bytes()).read_text(text, "log-in")
        except (OSError, BadCertificate) as exc:
            raise Fault(
                f"收到的证书不可信：{exc}；未作改动",
                f"the certificate that came is not to be believed: {exc}; nothing was changed",
            ) from exc
        self.lay(found)

    def _held(self) -> Ed25519PrivateKey | None:
        """None where there is none, and where it is in use already: its certificate came, and then the power went."""
        key = _read(self._path)
        own = _read(self._folder / OWN)
        return None if key is None or (own and _kid(own) == _kid(key)) else key

    def _make(self) -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.generate()
        draft = self._path.with_name(f".{NEXT}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(made, "wb") as file:
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as exc:
            raise _unwritten(self._folder, exc) from exc
        return key


def _read(path: Path) -> Ed25519PrivateKey | None:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None


def _kid(key: Ed25519PrivateKey) -> str:
    return kid_of(key.public_key().public_bytes_raw())


def _unwritten(folder: Path, exc: OSError) -> Fault:
    return Fault(
        f"无法写入 {folder}：{exc.strerror}；请检查目录与权限",
        f"cannot write into {folder}: {exc.strerror}; check the folder and its permissions",
    )
