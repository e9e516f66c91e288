"""The unit's own key, by which secrets are sealed to it: 32 random bytes in a file that only it can read."""

import os
import secrets
import stat
from pathlib import Path

from wire.words import Fault

NAME = "unit.key"
KEY_BYTES = 32


def key_path(journal: Path) -> Path:
    """It lies beside the journal: on the medium that keeps what is written."""
    return journal.parent / NAME


def own_key(path: Path) -> bytes:
    """The unit's private key (X25519, RFC 7748), made where there is none yet. Raises `Fault`."""
    try:
        return _read(path)
    except FileNotFoundError:
        return _make(path)
    except OSError as exc:
        raise Fault(
            f"无法读取单元密钥 {path}：{exc.strerror}；须是本程序用户的普通文件",
            f"cannot read the unit's key {path}: {exc.strerror}; it must be a plain file of this user's",
        ) from exc


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        state = os.fstat(file.fileno())
        key = file.read(KEY_BYTES + 1)
    if not stat.S_ISREG(state.st_mode) or state.st_mode & 0o077:
        raise Fault(
            f"单元密钥 {path} 对他人开放，不再可信；请删除它，重启单元后重新登记公钥",
            f"the unit's key {path} is open to others, and not to be trusted any more: remove it, "
            "start the unit again and set its new public key at the gateway",
        )
    if len(key) != KEY_BYTES:
        raise Fault(
            f"单元密钥 {path} 已损坏；请删除它，重启单元后重新登记公钥",
            f"the unit's key {path} is damaged: remove it, start the unit again and set its new "
            "public key at the gateway",
        )
    return key


def _make(path: Path) -> bytes:
    """Whole or not at all: written elsewhere, then linked; of two who make one at once, the first counts."""
    key = secrets.token_bytes(KEY_BYTES)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(made, "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
            _bring_to_medium(path.parent)
        finally:
            draft.unlink()
    except FileExistsError:
        return _read(path)
    except OSError as exc:
        raise Fault(
            f"无法新建单元密钥 {path}：{exc.strerror}；请检查目录与权限",
            f"cannot make the unit's key {path}: {exc.strerror}; check the folder and its permissions",
        ) from exc
    return key


def _bring_to_medium(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
