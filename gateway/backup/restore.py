"""Puts a backup in the store's place. The store gets another identity, so that units send again what it lacks.

What had gone out to a platform after the backup goes out again, under the same names. Only the gateway's own log
would give its numbers anew to other records, which a platform would pass over as known: each identity has another.
"""

import secrets
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection

from gateway.backup import postgres, sqlite
from gateway.backup.archive import BackupFault, Manifest, manifest_of, unpack
from gateway.backup.photos import link_or_copy
from gateway.backup.save import Saying
from gateway.config import GatewayConfig
from gateway.store.book import Book
from gateway.store.open import Store, engine_of, knows, open_store, shown
from gateway.store.own_log import OwnLog
from gateway.store.schema import codes, ledger


class Restored(Struct, frozen=True):
    """What was put back. `store`: its identity from now on; `before`: where the old one is, None: there was none."""

    made: str
    records: int
    store: str
    before: str | None
    photos: int


def restore(
    config: GatewayConfig,
    file: Path,
    own: OwnLog,
    force: bool,
    photos: Path | None,
    saying: Saying,
) -> Restored:
    """Puts `file` in the place of the store of `config`; `force`: also of one that has records.

    `photos`: a folder to bring the photos back from. Nothing is deleted; until all of the backup was looked at
    nothing is changed. Raises `BackupFault`.
    """
    manifest = manifest_of(file)
    _check_fit(file, manifest, config)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    put = _into_sqlite if manifest.kind == "sqlite" else _into_postgres
    try:
        count = link_or_copy(photos, Path(config.photos.path)) if photos else 0
        identity, before = put(config, file, manifest, own, force, stamp, saying)
    except (OSError, sqlite3.Error) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise BackupFault(
            f"备份 {file} 未能恢复：{why}；请检查磁盘空间与权限",
            f"backup {file} was not put back: {why}; check disk space and permissions",
        ) from exc
    made = datetime.fromtimestamp(manifest.made_ms / 1000, config.zone())
    return Restored(made.isoformat(timespec="seconds"), manifest.records, identity, before, count)


def _check_fit(file: Path, manifest: Manifest, config: GatewayConfig) -> None:
    wanted = "sqlite" if config.store.url.startswith("sqlite") else "postgresql"
    if manifest.kind != wanted:
        raise BackupFault(
            f"备份 {file} 是 {manifest.kind} 的，而 [store] url 是 {wanted}；请改用同类数据库",
            f"backup {file} is of {manifest.kind}, and [store] url names {wanted}: use the same kind",
        )
    if not knows(manifest.revision):
        raise BackupFault(
            f"备份 {file} 由更新版本的软件（{manifest.software}）写成；请先升级软件",
            f"backup {file} was written by a newer version ({manifest.software}): "
            "update the software first",
        )


def _check_empty(held: int | None, where: str, force: bool) -> None:
    if held and not force:
        raise BackupFault(
            f"数据库 {where} 里已有 {held} 条记录；用 --force 把它移到一旁再恢复",
            f"store {where} holds {held} records; --force sets it aside, and puts the backup there",
        )


# SQLite


def _into_sqlite(
    config: GatewayConfig,
    file: Path,
    manifest: Manifest,
    own: OwnLog,
    force: bool,
    stamp: str,
    saying: Saying,
) -> tuple[str, str | None]:
    path = sqlite.path_of(config.store.url)
    sqlite.let_go(path)
    _check_empty(sqlite.records_in(path), str(path), force)
    ready = path.with_name(f"{path.name}.restoring")
    for suffix in sqlite.SUFFIXES:
        ready.with_name(ready.name + suffix).unlink(missing_ok=True)
    try:
        unpack(file, manifest, ready, saying("unpack"))
        sqlite.check(ready)
        identity = _made_new(f"sqlite:///{ready}", manifest, own)
        sqlite.let_go(ready)
        aside = sqlite.set_aside(path, stamp)
        sqlite.put_in_place(ready, path)
    except BaseException:
        for suffix in sqlite.SUFFIXES:
            ready.with_name(ready.name + suffix).unlink(missing_ok=True)
        raise
    return identity, str(aside) if aside else None


# PostgreSQL


def _into_postgres(
    config: GatewayConfig,
    file: Path,
    manifest: Manifest,
    own: OwnLog,
    force: bool,
    stamp: str,
    saying: Saying,
) -> tuple[str, str | None]:
    url, where = config.store.url, shown(config.store.url)
    dump = file.with_name(f".{file.name}.{stamp}")
    engine = engine_of(url)
    aside: str | None = None
    try:
        unpack(file, manifest, dump, saying("unpack"))
        with engine.begin() as connection:
            postgres.check_alone(connection, where)
            held = postgres.records_in(connection)
            _check_empty(held, where, force)
            aside = None if held is None else postgres.set_aside(connection, stamp)
        engine.dispose()
        try:
            postgres.load(url, dump, saying("pg_restore"))
        except BackupFault:
            if aside:
                with engine.begin() as connection:
                    postgres.take_back(connection, aside)
            raise
    finally:
        engine.dispose()
        dump.unlink(missing_ok=True)
    return _made_new(url, manifest, own), aside and f"{where}, schema {aside}"


# Both


def _made_new(url: str, manifest: Manifest, own: OwnLog) -> str:
    """Gives the store at `url` an identity and an own log that nobody has seen; returns the identity."""
    store = open_store(url)
    try:
        identity = secrets.token_hex(8)
        now_ms = time.time_ns() // 1_000_000
        with store.writing() as connection:
            connection.execute(ledger.update().values(store=identity))
            unused = codes.c.used_ms.is_(None)
            connection.execute(codes.update().where(unused).values(used_ms=now_ms))
            _tell(store, connection, manifest, identity, own, now_ms)
    finally:
        store.close()
    return identity


def _tell(
    store: Store,
    connection: Connection,
    manifest: Manifest,
    identity: str,
    own: OwnLog,
    now_ms: int,
) -> None:
    made = datetime.fromtimestamp(manifest.made_ms / 1000, UTC).isoformat(timespec="seconds")
    book = Book(store.is_sqlite)
    book.open(connection, now_ms)
    what = f"the store was put back from a backup of {made}; {manifest.store} is now {identity}"
    own.alarm(book, what)
    book.close()
