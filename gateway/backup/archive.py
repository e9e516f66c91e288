"""The file of a backup: a zip with the database, and a manifest written last, so that half a file has none.

`store.db` is a SQLite database, `store.pgdump` what `pg_dump -Fc` makes. The manifest bears its SHA-256.
"""

import os
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from wire.limits import AtMs, Digest
from wire.words import Fault

MANIFEST = "manifest.json"
AT_ONCE_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 64 * 1024
BAD_ZIP = (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, OverflowError)
"""What zipfile raises for what it cannot read; RuntimeError: encrypted, or compressed in a way it does not know."""

Kind = Literal["sqlite", "postgresql"]
MEMBERS: dict[Kind, str] = {"sqlite": "store.db", "postgresql": "store.pgdump"}
Told = Callable[[int, int | None], None]
"""Hears how many bytes of how many are done."""


class BackupFault(Fault):
    """A backup could not be made or put back; says which file, why, and what to do now."""


class Manifest(Struct, frozen=True):
    """What is in a backup. `store`: the identity of the store it was made of; `revision`: of its schema.

    `photos`: the folder of the photos, which are not in it. `copied`: where they were copied or linked to.
    """

    v: Literal[1]
    kind: Kind
    made_ms: AtMs
    store: str
    revision: str
    records: Annotated[int, Meta(ge=0)]
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Digest
    software: str
    photos: str
    copied: str | None = None


def pack(file: Path, database: Path, manifest: Manifest, told: Told) -> Manifest:
    """Writes `database` into a new `file`, which has its name only when all of it is on the medium.

    Returns `manifest` with size and hash. Raises OSError.
    """
    part = file.with_name(f"{file.name}.part")
    digest, done, total = sha256(), 0, database.stat().st_size
    packing = zipfile.ZIP_DEFLATED if manifest.kind == "sqlite" else zipfile.ZIP_STORED
    try:
        with (
            os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as raw,
            zipfile.ZipFile(raw, "w", packing, compresslevel=1) as archive,
        ):
            member = MEMBERS[manifest.kind]
            with database.open("rb") as source, archive.open(member, "w", force_zip64=True) as into:
                while chunk := source.read(AT_ONCE_BYTES):
                    digest.update(chunk)
                    into.write(chunk)
                    done += len(chunk)
                    told(done, total)
            whole = msgspec.structs.replace(manifest, bytes=done, sha256=digest.hexdigest())
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(whole), indent=1))
            archive.close()
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return whole


def manifest_of(file: Path) -> Manifest:
    """What `file` says of itself. Raises `BackupFault` for what is no backup, or only part of one."""
    try:
        with zipfile.ZipFile(file) as archive:
            with archive.open(MANIFEST) as member:
                manifest = msgspec.json.decode(member.read(MAX_MANIFEST_BYTES), type=Manifest)
            size = archive.getinfo(MEMBERS[manifest.kind]).file_size
    except (*BAD_ZIP, KeyError, msgspec.DecodeError) as exc:
        raise _unfit(file, exc) from exc
    except OSError as exc:
        raise BackupFault(
            f"备份 {file} 读不出：{exc.strerror}；请检查路径与权限",
            f"backup {file} cannot be read: {exc.strerror}; check path and permissions",
        ) from exc
    if size != manifest.bytes:
        raise _unfit(file, ValueError(f"{size} bytes instead of {manifest.bytes}"))
    return manifest


def _unfit(file: Path, exc: Exception) -> BackupFault:
    with file.open("rb") as opened:
        begun = opened.read(4) == b"PK\x03\x04"
    if begun:
        return BackupFault(
            f"备份 {file} 不完整或已损坏（{exc}）；请重新复制，或用另一份备份",
            f"backup {file} is damaged, or only part of one ({exc}): copy it again, or use another",
        )
    return BackupFault(
        f"{file} 不是 xunkong gateway backup 写的备份（{exc}）；请检查文件",
        f"{file} is no backup of `xunkong gateway backup` ({exc}); check which file it is",
    )


def unpack(file: Path, manifest: Manifest, into: Path, told: Told) -> None:
    """The database of `file` as `into`, on the medium. Raises `BackupFault` where it is damaged, and OSError."""
    digest, done = sha256(), 0
    try:
        with (
            zipfile.ZipFile(file) as archive,
            archive.open(MEMBERS[manifest.kind]) as source,
            os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
        ):
            while chunk := source.read(AT_ONCE_BYTES):
                digest.update(chunk)
                out.write(chunk)
                done += len(chunk)
                told(done, manifest.bytes)
            out.flush()
            os.fsync(out.fileno())
    except BAD_ZIP as exc:
        raise _damaged(file, str(exc)) from exc
    if digest.hexdigest() != manifest.sha256:
        raise _damaged(file, "its hash does not hold")


def _damaged(file: Path, why: str) -> BackupFault:
    return BackupFault(
        f"备份 {file} 已损坏（{why}）；请用另一份备份，现有数据未被改动",
        f"backup {file} is damaged ({why}): use another; nothing was changed",
    )
