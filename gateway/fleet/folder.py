"""The site's keys and certificates as files.

Private keys are their owner's alone (0600). Those that processes of several users need may be read by a group
(0640), and stay so when they are replaced; the authority's own may not.
"""

import os
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.fleet.certificates import Issuer
from wire.files import check_replaceable
from wire.words import Fault

CRL = "crl.pem"
PRIVATE, PUBLIC = 0o600, 0o644
GROUP_READ = 0o040
Private = ec.EllipticCurvePrivateKey | Ed25519PrivateKey
T = TypeVar("T")


class KeyFolder:
    """`<name>.key` and `<name>.crt` for `ca`, `broker`, `gateway` and `signing`, and `crl.pem`, all PEM.

    All methods that read or write raise `Fault` for a file that is missing or not in order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def has_issuer(self) -> bool:
        """Whether the authority's key lies here; it may be kept on another machine."""
        return (self.path / "ca.key").exists()

    def issuer(self) -> Issuer:
        """The authority, which signs."""
        key = self.key("ca")
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise _spoilt(self.path / "ca.key", "not a P-256 key")
        return Issuer(key, self.certificate("ca"))

    def key(self, name: str) -> Private:
        """The private key `name`."""
        path = self.path / f"{name}.key"
        _check_private(path, 0o077 if name == "ca" else 0o077 & ~GROUP_READ)
        key = _read(path, lambda pem: load_pem_private_key(pem, None))
        if not isinstance(key, ec.EllipticCurvePrivateKey | Ed25519PrivateKey):
            raise _spoilt(path, "neither a P-256 nor an Ed25519 key")
        return key

    def certificate(self, name: str) -> x509.Certificate:
        """The certificate `name`."""
        return _read(self.path / f"{name}.crt", x509.load_pem_x509_certificate)

    def revocations(self) -> x509.CertificateRevocationList | None:
        """The newest list of revoked certificates; None where there is none yet."""
        path = self.path / CRL
        return _read(path, x509.load_pem_x509_crl) if path.exists() else None

    def login(self) -> ssl.SSLContext:
        """With what the gateway logs in at a broker."""
        try:
            return tls_context(
                self.path / "ca.crt", self.path / "gateway.crt", self.path / "gateway.key"
            )
        except OSError as exc:
            raise _spoilt(self.path / "gateway.crt", str(exc)) from exc

    def put_key(self, name: str, key: Private) -> Path:
        """Keeps a private key, in place of the one that was there, if any."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return replace_file(self.path / f"{name}.key", pem, PRIVATE)

    def put_certificate(self, name: str, certificate: x509.Certificate) -> Path:
        """Keeps a certificate, in place of the one that was there."""
        return replace_file(
            self.path / f"{name}.crt", certificate.public_bytes(Encoding.PEM), PUBLIC
        )

    def put_revocations(self, crl: x509.CertificateRevocationList) -> Path:
        """Keeps the list of revoked certificates."""
        return replace_file(self.path / CRL, crl.public_bytes(Encoding.PEM), PUBLIC)


def tls_context(authority: Path, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """For a client that trusts `authority`, and shows `certificate`, or none. Raises OSError."""
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(str(certificate), key and str(key))
    return context


def replace_file(path: Path, content: bytes, mode: int, uid: int | None = None) -> Path:
    """Writes `path` whole or not at all, with `mode` from the first byte on.

    One that is there keeps its owner and its group, and what that group may read; `uid`: gets this owner
    instead. A link is replaced and never followed: who owns the folder may have put it there.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        check_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        owner = path.lstat() if path.is_file() and not path.is_symlink() else None
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            made = os.fstat(file.fileno())
            whose = owner or made
            to = whose.st_uid if uid is None else uid, whose.st_gid
            if to != (made.st_uid, made.st_gid):
                os.fchown(file.fileno(), *to)
            os.fchmod(file.fileno(), mode | (owner.st_mode & GROUP_READ if owner else 0))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync(path.parent)
    except OSError as exc:
        raise Fault(
            f"无法写入 {path}：{exc.strerror}；请检查路径、磁盘空间与权限",
            f"cannot write {path}: {exc.strerror}; check the path, disk space and permissions",
        ) from exc
    return path


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path, load: Callable[[bytes], T]) -> T:
    try:
        return load(path.read_bytes())
    except OSError as exc:
        raise Fault(
            f"无法读取 {path}：{exc.strerror}；密钥由 xunkong gateway init 生成，"
            "或请检查 [keys] folder",
            f"cannot read {path}: {exc.strerror}; xunkong gateway init makes the keys, "
            "or check [keys] folder",
        ) from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise _spoilt(path, str(exc)) from exc


def _spoilt(path: Path, why: str) -> Fault:
    return Fault(
        f"{path} 内容无法使用：{why}；请从备份恢复该文件",
        f"{path} cannot be used: {why}; put it back from a backup",
    )


def _check_private(path: Path, forbidden: int) -> None:
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & forbidden:
        raise Fault(
            f"{path} 可被他人读取；请运行 chmod 600 {path}，若曾泄露请更换此密钥",
            f"{path} can be read by others; run chmod 600 {path}, and renew the key if anyone may have",
        )
