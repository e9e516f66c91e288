"""The gateway's keeping of releases: what was published, and where each lies."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.exc import IntegrityError

from gateway.config import ReleasesSection
from gateway.photos.files import sync
from gateway.releases.build import look
from gateway.store.open import Store
from gateway.store.schema import releases, rollouts
from wire.release import Named, public_key, rank
from wire.words import Fault

GROUP_READ = 0o640


class Published(Struct, frozen=True):
    """One release as the store has it."""

    sha256: str
    version: str
    machine: str
    size: int
    least: str
    journal: int
    published_ms: int
    kind: str = "software"

    @property
    def named(self) -> Named:
        """As an order means it."""
        return Named(self.version, self.sha256, self.size)


def place(folder: Path, digest: str) -> Path:
    """Where the release of that SHA-256 lies."""
    return folder / f"{digest}.release"


def publish(store: Store, section: ReleasesSection, path: Path, now_ms: int) -> Published:
    """Takes a signed release into keeping; doing it twice is harmless, and brings back a file that is gone.

    Raises `Fault`.
    """
    head, digest = look(path, public_key(Path(section.key)))
    manifest = head.manifest
    row = Published(
        digest,
        manifest.version,
        manifest.machine,
        head.size,
        manifest.least,
        manifest.journal,
        now_ms,
        manifest.kind,
    )
    for other in listed(store, row.version):
        _check_same(other, row)
    if not place(Path(section.folder), digest).exists():
        _keep(path, place(Path(section.folder), digest))
    with suppress(IntegrityError), store.changing() as connection:
        connection.execute(releases.insert().values(**msgspec.structs.asdict(row)))
    there = find(store, row.version, row.machine)
    assert there
    _check_same(there, row)
    return there


def _check_same(there: Published, row: Published) -> None:
    """A version is one kind of release, and one file for each machine."""
    if there.kind != row.kind or (there.machine == row.machine and there.sha256 != row.sha256):
        raise Fault(
            f"{there.machine} 的版本 {row.version} 已经发布过另一个文件；请提高版本号后重新构建",
            f"another file was published as version {row.version} for {there.machine}; raise the version "
            "and build anew",
        )


def _keep(path: Path, to: Path) -> None:
    new = to.with_name(f".{to.name}.new")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, new)
        new.chmod(GROUP_READ)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(to)
        sync(to.parent)
    except OSError as exc:
        raise Fault(
            f"无法保存到 {to}：{exc.strerror}；请检查磁盘空间与权限",
            f"cannot keep {to}: {exc.strerror}; check disk space and permissions",
        ) from exc


def withdraw(store: Store, section: ReleasesSection, version: str) -> list[Published]:
    """Units can fetch that version no more, and a roll-out of it that was paused or stopped is over; what was removed.

    Raises `Fault` where there is none, or where it goes out.
    """
    held = listed(store, version)
    of_it = rollouts.c.version == version
    going = sa.select(rollouts.c.id).where(of_it, rollouts.c.state == "running")
    halted = rollouts.update().where(of_it, rollouts.c.state.in_(("paused", "stopped")))
    with store.changing() as connection:
        if connection.execute(going).first() is not None:
            raise Fault(
                f"版本 {version} 正在分批更新；请先运行 xunkong fleet pause 或等它结束",
                f"version {version} is being rolled out; let that end first, or xunkong fleet pause",
            )
        connection.execute(halted.values(state="done", why="the version was withdrawn"))
        connection.execute(releases.delete().where(releases.c.version == version))
    if not held:
        raise Fault(
            f"没有发布过版本 {version}；见 xunkong release list",
            f"version {version} was not published; see xunkong release list",
        )
    for one in held:
        place(Path(section.folder), one.sha256).unlink(missing_ok=True)
    return held


def find(store: Store, version: str, machine: str) -> Published | None:
    """That version for that machine, where it was published."""
    return next((one for one in listed(store, version) if one.machine == machine), None)


def listed(store: Store, version: str | None = None) -> list[Published]:
    """What was published (of one version), the newest version first."""
    query = sa.select(releases)
    if version is not None:
        query = query.where(releases.c.version == version)
    with store.reading() as connection:
        found = [Published(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (rank(one.version), one.machine), reverse=True)
