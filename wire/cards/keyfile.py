"""The file that holds a site's master keys: made once, readable by its owner alone, never shown."""

import os
import secrets
import stat
import tomllib
from pathlib import Path
from typing import Any

from msgspec import Struct

from wire.words import Fault

MAX_BYTES = 4096
MOST_EARLIER = 3
HEAD = """\
# Xunkong: the master key of this site's cards. Whoever has it can make any badge.
# Keep it off the units, and a copy of it in a safe: without it no card can be changed.
"""


class SiteKeys(Struct, frozen=True):
    """`master`: 16 bytes, of which each card's keys are derived; `version`: 1 to 255, written beside them.

    `earlier`: those that cards may still be made with, each without earlier ones; the newest first.
    """

    master: bytes
    version: int = 1
    earlier: "tuple[SiteKeys, ...]" = ()

    def __repr__(self) -> str:
        return "SiteKeys(…)"


def new_keys() -> SiteKeys:
    """A master key, drawn now, of version 1."""
    return SiteKeys(secrets.token_bytes(16))


def next_keys(keys: SiteKeys) -> SiteKeys:
    """A new master key of the version after, with `keys` as earlier ones. Raises `Fault` where there are too many."""
    earlier = (SiteKeys(keys.master, keys.version), *keys.earlier)
    if len(earlier) > MOST_EARLIER:
        raise Fault(
            f"密钥文件中已有 {MOST_EARLIER} 个旧密钥；请先重写所有旧卡，再用 xunkong card keys retire 去掉旧密钥",
            f"the key file has {MOST_EARLIER} earlier keys already; personalise the cards that have them "
            "anew, then drop them with xunkong card keys retire",
        )
    return SiteKeys(secrets.token_bytes(16), keys.version % 255 + 1, earlier)


def without_earlier(keys: SiteKeys) -> SiteKeys:
    """The newest alone: cards that still have earlier ones are the site's no more."""
    return SiteKeys(keys.master, keys.version)


def read_keys(path: Path) -> SiteKeys:
    """The keys in the file at `path`. Raises `Fault`, which never tells what stands in the file.

    Refused: a symbolic link, another owner's file, one that group or others may read or write.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            _guarded(path, os.fstat(file.fileno()))
            text = file.read(MAX_BYTES).decode("utf-8")
    except OSError as exc:
        raise Fault(
            f"无法读取密钥文件 {path}：{exc.strerror}；须是普通文件，不能是符号链接",
            f"cannot read the key file {path}: {exc.strerror}; give a plain file, no symbolic link",
        ) from exc
    except UnicodeDecodeError:
        raise _unreadable(path) from None
    return _keys(path, text)


def _guarded(path: Path, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise Fault(f"{path} 不是普通文件", f"{path} is no plain file")
    if state.st_uid != os.geteuid():
        raise Fault(
            f"密钥文件 {path} 属于另一用户；请由其所有者使用",
            f"the key file {path} belongs to another user; let its owner use it",
        )
    if state.st_mode & 0o077:
        raise Fault(
            f"密钥文件 {path} 对他人开放；请执行 chmod 600 {path}",
            f"the key file {path} is open to others; run chmod 600 {path}",
        )


def _keys(path: Path, text: str) -> SiteKeys:
    try:
        table: dict[str, Any] = tomllib.loads(text)
        earlier = tuple(_one(one, {"master", "version"}) for one in table.pop("earlier", []))
        newest = _one(table, {"master"})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise _unreadable(path) from None  # the cause would tell what stands in the file
    versions = {one.version for one in (newest, *earlier)}
    if len(earlier) > MOST_EARLIER or len(versions) != 1 + len(earlier):
        raise _unreadable(path)
    return SiteKeys(newest.master, newest.version, earlier)


def _one(table: dict[str, Any], needed: set[str]) -> SiteKeys:
    """Raises ValueError, TypeError or KeyError for what is not in order."""
    master, version = bytes.fromhex(table["master"]), table.get("version", 1)
    plain = isinstance(version, int) and not isinstance(version, bool) and 1 <= version <= 255
    if len(master) != 16 or not plain or not needed <= table.keys() <= {"master", "version"}:
        raise ValueError
    return SiteKeys(master, version)


def _unreadable(path: Path) -> Fault:
    return Fault(
        f"密钥文件 {path} 内容有误：须有 master（32 位十六进制）和 version（1–255），"
        "旧密钥在 [[earlier]] 中同样给出，版本各不相同；可用 xunkong card keys new 新建",
        f"the key file {path} is not in order: it must give master (32 hex digits) and version "
        "(1 to 255), earlier keys likewise in [[earlier]], each of another version; "
        "xunkong card keys new makes one",
    )


def write_keys(path: Path, keys: SiteKeys | None = None) -> SiteKeys:
    """Puts `keys` (None: new ones) into a new file at `path`. Raises `Fault`; never overwrites."""
    keys = keys or new_keys()
    text = HEAD + _text(keys) + "".join("\n[[earlier]]\n" + _text(one) for one in keys.earlier)
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise Fault(
            f"无法新建密钥文件 {path}：{exc.strerror}；现有文件不会被覆盖",
            f"cannot make the key file {path}: {exc.strerror}; a file that is there is never overwritten",
        ) from exc
    return keys


def _text(keys: SiteKeys) -> str:
    return f'master = "{keys.master.hex()}"\nversion = {keys.version}\n'
