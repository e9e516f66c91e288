"""Opens the store: engine, pragmas, migrations; what is wrong becomes a `Fault` that says what to do."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from gateway.store.schema import ledger
from wire.words import Fault

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 10
PRIVATE = 0o640
"""Whose badges are whose stands in a store: its owner and their group alone read it."""


class StoreFault(Fault):
    """The store cannot be opened or used; says which, why, and what to do now."""


class Store:
    """The store. `engine` gives connections; `identity` is this store's own, new after each restore."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with self.engine.connect() as connection:
            self.identity: str = connection.execute(sa.select(ledger.c.store)).scalar_one()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the ledger: all writers of records come one after another."""
        with self.engine.connect() as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(sa.select(ledger.c.id).with_for_update())
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction on anything but records; it waits for no other writer than the database must."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def reading(self) -> Connection:
        """A connection to read with; close it."""
        return self.engine.connect().execution_options(read_only=True)

    def close(self) -> None:
        """Lets go of all connections."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Opens the store at `url`, and brings its schema up to date. Raises `StoreFault`."""
    try:
        return _ready(engine_of(url), url)
    except (DBAPIError, ArgumentError, NoSuchModuleError, ImportError, ValueError) as exc:
        raise fault(url, exc) from exc


def _ready(engine: Engine, url: str) -> Store:
    try:
        _migrate(engine, url)
        return Store(engine)
    except BaseException:
        engine.dispose()
        raise


def fault(url: str, exc: Exception) -> StoreFault:
    """What a database error means for people."""
    where = shown(url)
    why = str(getattr(exc, "orig", None) or exc).strip().splitlines()[0]
    return StoreFault(
        f"数据库 {where} 无法使用：{why}；请检查 [store] url、磁盘空间与权限",
        f"store {where} cannot be used: {why}; check [store] url, disk space and permissions",
    )


def shown(url: str) -> str:
    """`url` without its password."""
    return re.sub(r"(://[^/@]*?):[^/]*@", r"\1:***@", url)


def engine_of(url: str) -> Engine:
    """What gives connections to the database at `url`, prepared as a store needs them."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True)
    _make_private(Path(url.removeprefix("sqlite:///").partition("?")[0]))
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection, _) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = "" if connection.get_execution_options().get("read_only") else " IMMEDIATE"
        connection.exec_driver_sql(f"BEGIN{mode}")

    return engine


def _make_private(path: Path) -> None:
    """A new database is not for everybody to read; what SQLite makes beside it has the same mode."""
    with suppress(FileExistsError, FileNotFoundError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, PRIVATE))


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def knows(revision: str) -> bool:
    """Whether this software can bring a store of that revision up to date."""
    return revision in {script.revision for script in _scripts()[1].walk_revisions()}


def _migrate(engine: Engine, url: str) -> None:
    config, scripts = _scripts()
    newest = scripts.get_current_head()
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7865443)"))
        held = _held(connection)
        if held != newest:
            config.attributes["connection"] = connection
            _upgrade(config, url)
        if connection.execute(sa.select(ledger.c.id)).first() is None:
            identity = secrets.token_hex(8)
            connection.execute(ledger.insert().values(id=1, next_pos=1, store=identity))


def _held(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(config: Config, url: str) -> None:
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise StoreFault(
            f"数据库 {shown(url)} 由更新版本的软件写成（{exc}）；请升级软件，数据库未被改动",
            f"store {shown(url)} was written by a newer version ({exc}): update the software; "
            "the store was not touched",
        ) from exc
