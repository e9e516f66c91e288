"""A PostgreSQL store saved by `pg_dump` (custom format, one snapshot) and put back by `pg_restore`."""

import os
import subprocess
import threading
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.backup.archive import BackupFault, Told

LOOK_EVERY_S = 0.2
TABLES = "public.*"


def dump(url: str, target: Path, told: Told) -> None:
    """The store at `url` as a file of `pg_dump`. Raises `BackupFault`."""
    options = ["--format=custom", f"--table={TABLES}", "--no-owner", "--no-privileges"]
    _run("pg_dump", url, [*options, f"--file={target}"], target, told)


def load(url: str, source: Path, told: Told) -> None:
    """Puts a dump into an empty database, all or nothing. Raises `BackupFault`."""
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run("pg_restore", url, [*options, str(source)], None, told)


def _run(program: str, url: str, options: list[str], grows: Path | None, told: Told) -> None:
    at = sa.make_url(url)
    plain = at.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = os.environ | ({"PGPASSWORD": str(at.password)} if at.password else {})
    try:
        process = subprocess.Popen(
            [program, *options, f"--dbname={plain}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
    except FileNotFoundError as exc:
        raise BackupFault(
            f"没有 {program}；请安装 postgresql-client",
            f"there is no {program}; install postgresql-client",
        ) from exc
    said: list[str] = []
    listener = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    listener.start()
    while process.poll() is None:
        listener.join(LOOK_EVERY_S)
        told(grows.stat().st_size if grows and grows.exists() else 0, None)
    listener.join()
    if process.stderr:
        process.stderr.close()
    if process.returncode:
        why = next((line.strip() for line in said), f"exit code {process.returncode}")
        raise BackupFault(
            f"{program} 失败：{why}；请检查数据库、磁盘空间与版本",
            f"{program} failed: {why}; check the database, disk space and versions",
        )


def records_in(connection: Connection) -> int | None:
    """How many records the database holds; None where it has no tables of ours."""
    if not sa.inspect(connection).has_table("records"):
        return None
    count: int = connection.execute(sa.text("SELECT count(*) FROM records")).scalar_one()
    return count


def check_alone(connection: Connection, shown: str) -> None:
    """Raises `BackupFault` where others are connected to the database."""
    others = connection.execute(
        sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    ).scalar_one()
    if others:
        raise BackupFault(
            f"数据库 {shown} 正在使用（{others} 个连接）；请先停止网关",
            f"store {shown} is in use ({others} connections): stop the gateway first",
        )


def set_aside(connection: Connection, stamp: str) -> str:
    """Moves all tables into a schema of another name, which is returned; `public` is empty afterwards."""
    aside = f"before_{stamp.lower().replace('-', '_')}"
    connection.execute(sa.text(f"ALTER SCHEMA public RENAME TO {aside}"))
    connection.execute(sa.text("CREATE SCHEMA public"))
    return aside


def take_back(connection: Connection, aside: str | None) -> None:
    """Undoes `set_aside`, and what was loaded since; None: there had been nothing."""
    connection.execute(sa.text("DROP SCHEMA public CASCADE"))
    said = f"ALTER SCHEMA {aside} RENAME TO public" if aside else "CREATE SCHEMA public"
    connection.execute(sa.text(said))
