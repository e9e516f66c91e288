"""Saves the gateway's store into one file, while the gateway works."""

import errno
import sqlite3
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.backup import postgres, sqlite
from gateway.backup.archive import BackupFault, Kind, Manifest, Told, pack
from gateway.backup.photos import link_or_copy
from gateway.config import GatewayConfig
from gateway.store.open import Store
from gateway.store.schema import ledger, records

Saying = Callable[[str], Told]
"""Begins one thing that takes time, by its name; what it returns hears how far it is."""


def save(
    config: GatewayConfig, store: Store, file: Path, photos: Path | None, saying: Saying
) -> Manifest:
    """Writes a new `file`; with `photos` brings the photos into that folder. Raises `BackupFault`.

    Photos come after the store, so that the folder has at least what the store knows of.
    """
    if file.exists():
        raise BackupFault(
            f"{file} 已经存在；请换个文件名", f"{file} exists already; choose another name"
        )
    try:
        manifest = _save(config, store, file, photos, saying)
        if photos:
            link_or_copy(Path(config.photos.path), photos)
    except sqlite3.Error as exc:
        raise _failed(file, str(exc)) from exc
    except OSError as exc:
        raise _failed(file, _said(exc)) from exc
    return manifest


def _said(exc: OSError) -> str:
    return "no space left" if exc.errno == errno.ENOSPC else exc.strerror or str(exc)


def _failed(file: Path, why: str) -> BackupFault:
    return BackupFault(
        f"备份 {file} 未写成：{why}；请检查目录、权限与磁盘空间（约为数据库的两倍）",
        f"backup {file} was not written: {why}; check folder, permissions and disk space "
        "(twice the store's size or so)",
    )


def _save(
    config: GatewayConfig, store: Store, file: Path, photos: Path | None, saying: Saying
) -> Manifest:
    with tempfile.TemporaryDirectory(dir=file.resolve().parent, prefix=f".{file.name}.") as folder:
        copy = Path(folder) / "store"
        kind: Kind = "sqlite" if store.is_sqlite else "postgresql"
        if kind == "sqlite":
            sqlite.copy(sqlite.path_of(config.store.url), copy, saying("copy"))
            of = sa.create_engine(f"sqlite:///{copy}")
            with of.connect() as connection:
                manifest = _manifest(config, connection, kind, photos)
            of.dispose()
        else:
            with store.reading() as connection:
                manifest = _manifest(config, connection, kind, photos)
            postgres.dump(config.store.url, copy, saying("pg_dump"))
        return pack(file, copy, manifest, saying("pack"))


def _manifest(
    config: GatewayConfig, connection: Connection, kind: Kind, photos: Path | None
) -> Manifest:
    count = sa.select(sa.func.count()).select_from(records)
    return Manifest(
        v=1,
        kind=kind,
        made_ms=time.time_ns() // 1_000_000,
        store=connection.execute(sa.select(ledger.c.store)).scalar_one(),
        revision=connection.execute(
            sa.text("SELECT version_num FROM alembic_version")
        ).scalar_one(),
        records=connection.execute(count).scalar_one(),
        bytes=0,
        sha256="0" * 64,
        software=version("xunkong"),
        photos=config.photos.path,
        copied=str(photos) if photos else None,
    )
