"""Puts a backup in the store's place. The store gets another identity, so that units send again what it lacks.

What had gone out to a platform after the backup goes out again, under the same names. Only the gateway's own log
would give its numbers anew to other records, which a platform would pass over as known: each identity has another.
"""

import secrets
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
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
from gateway.store.schema import certificates, codes, ledger, records
from wire.certificates import Authority, BadCertificate
from wire.topics import GATEWAY
from wire.words import Fault


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
    authority: Authority | None,
    force: bool,
    photos: Path | None,
    saying: Saying,
) -> Restored:
    """Puts `file` in the place of the store of `config`; `force`: also of one that has records.

    `authority`: this site's, which made the certificates in a backup of it; None: it had another one then.
    `photos`: a folder to bring the photos back from. Nothing is deleted; until all of the backup was looked at
    nothing is changed. Raises `BackupFault`.
    """
    manifest = manifest_of(file)
    _check_fit(file, manifest, config)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    put = _into_sqlite if manifest.kind == "sqlite" else _into_postgres
    try:
        count = link_or_copy(photos, Path(config.photos.path)) if photos else 0
        renew = _Renewal(file, manifest, own, authority)
        identity, before = put(config, renew, force, stamp, saying)
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
    renew: "_Renewal",
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
        unpack(renew.file, renew.manifest, ready, saying("unpack"))
        sqlite.check(ready)
        identity = renew.identity(f"sqlite:///{ready}")
        sqlite.let_go(ready)
        sqlite.belong(ready, path)
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
    renew: "_Renewal",
    force: bool,
    stamp: str,
    saying: Saying,
) -> tuple[str, str | None]:
    url, where = config.store.url, shown(config.store.url)
    dump = renew.file.with_name(f".{renew.file.name}.{stamp}")
    engine = engine_of(url)
    aside: str | None = None
    try:
        unpack(renew.file, renew.manifest, dump, saying("unpack"))
        with engine.begin() as connection:
            postgres.check_alone(connection, where)
            held = postgres.records_in(connection)
            _check_empty(held, where, force)
            aside = None if held is None else postgres.set_aside(connection, stamp)
        engine.dispose()
        try:
            postgres.load(url, dump, saying("pg_restore"))
            identity = renew.identity(url)
        except Fault:
            with engine.begin() as connection:
                postgres.take_back(connection, aside)
            raise
    finally:
        engine.dispose()
        dump.unlink(missing_ok=True)
    return identity, aside and f"{where}, schema {aside}"


# Both


class _Renewal:
    """Looks at what was put back, and makes it a store of its own."""

    def __init__(
        self, file: Path, manifest: Manifest, own: OwnLog, authority: Authority | None
    ) -> None:
        self.file, self.manifest = file, manifest
        self._own, self._authority = own, authority

    def identity(self, url: str) -> str:
        """Gives the store at `url` an identity and an own log that nobody has seen; returns the identity."""
        store = open_store(url)
        try:
            identity = secrets.token_hex(8)
            now_ms = time.time_ns() // 1_000_000
            with store.writing() as connection:
                self._check(connection)
                connection.execute(ledger.update().values(store=identity))
                unused = codes.c.used_ms.is_(None)
                connection.execute(codes.update().where(unused).values(used_ms=now_ms))
                self._tell(store, connection, identity, now_ms)
        finally:
            store.close()
        return identity

    def _check(self, connection: Connection) -> None:
        """Raises `BackupFault` for a database that is not what the manifest says, or another site's."""
        count = connection.execute(sa.select(sa.func.count()).select_from(records)).scalar_one()
        if count != self.manifest.records:
            raise BackupFault(
                f"备份 {self.file} 自称有 {self.manifest.records} 条记录，实有 {count} 条；请用另一份备份",
                f"backup {self.file} says that it has {self.manifest.records} records, and has {count}: "
                "use another",
            )
        signers = sa.select(certificates.c.der).where(
            certificates.c.unit == GATEWAY, certificates.c.der.is_not(None)
        )
        made = list(connection.execute(signers).scalars())
        if self._authority and made and not any(_made_by(self._authority, der) for der in made):
            raise BackupFault(
                f"备份 {self.file} 属于另一站点：其证书不是本站点的机构签发的；请核对文件与 [keys] folder；"
                "若站点密钥已重建，用 --another-authority",
                f"backup {self.file} is another site's: its certificates are not of this site's authority; "
                "check the file, and [keys] folder; --another-authority if the site's keys were made anew",
            )

    def _tell(self, store: Store, connection: Connection, identity: str, now_ms: int) -> None:
        made = datetime.fromtimestamp(self.manifest.made_ms / 1000, UTC)
        when = made.isoformat(timespec="seconds")
        book = Book(store.is_sqlite)
        book.open(connection, now_ms)
        before = self.manifest.store
        what = f"the store was put back from a backup of {when}; {before} is now {identity}"
        self._own.alarm(book, what)
        book.close()


def _made_by(authority: Authority, der: bytes) -> bool:
    try:
        authority.read(der, "sign")
    except BadCertificate:
        return False
    return True
