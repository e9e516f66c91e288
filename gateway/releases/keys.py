"""The release key: made once, kept apart from the gateway, read from a file that nobody else can read."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.fleet.folder import PRIVATE, PUBLIC, replace_file
from wire import release
from wire.keys import KeySigner
from wire.words import Fault

SECRET = "release.key"
PUBLIC_HALF = b"-----BEGIN PUBLIC KEY-----"


def make(folder: Path) -> KeySigner:
    """Makes `release.key` and `release.pub` (PEM) in `folder`; never overwrites. Raises `Fault`."""
    secret, public = folder / SECRET, folder / release.PUBLIC
    for path in (secret, public):
        if path.exists():
            raise Fault(
                f"{path} 已存在，未做任何改动；换密钥请用另一个目录，单元要装入新的 {release.PUBLIC} 才会接受",
                f"{path} is there already, nothing was changed; for another key choose another folder, and "
                f"note that units believe it only once they have its {release.PUBLIC}",
            )
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace_file(secret, pem, PRIVATE)
    shown = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    replace_file(public, shown, PUBLIC)
    return KeySigner(key)


def read(path: Path) -> KeySigner:
    """The private key in the file at `path`, which must be its owner's alone. Raises `Fault`."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(65_536)
    except OSError as exc:
        raise Fault(
            f"无法读取发行私钥 {path}：{exc.strerror}；它由 xunkong release keys 生成",
            f"cannot read the release key {path}: {exc.strerror}; xunkong release keys makes it",
        ) from exc
    if text.startswith(PUBLIC_HALF):
        raise Fault(
            f"{path} 是发行密钥的公钥；签名要用私钥 {SECRET}，它由 xunkong release keys 与公钥一同生成",
            f"{path} is the release key's public half; what signs is {SECRET}, which xunkong release keys made with it",
        )
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise Fault(
            f"发行私钥 {path} 可被他人读取；请运行 chmod 600 {path}，若曾泄露请换新密钥",
            f"the release key {path} can be read by others; run chmod 600 {path}, and make another one if "
            "anyone may have read it",
        )
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise _unfit(path, str(exc)) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise _unfit(path, "not Ed25519")
    return KeySigner(key)


def _unfit(path: Path, why: str) -> Fault:
    return Fault(
        f"发行私钥 {path} 无法使用：{why}；请从备份恢复",
        f"the release key {path} cannot be used: {why}; put it back from its backup",
    )
