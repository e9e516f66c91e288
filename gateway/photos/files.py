"""Where the units' photos lie, and what the store says of them: one file for each hash, whoever announced it.

`<folder>/<first two digits>/<sha256>.jpg` is whole, verified and on the medium. What a unit has sent of one so
far is `<folder>/parts/<unit>/<sha256>.part`: each unit's own, so that none can spoil another's.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from gateway.store.book import Book
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import photo_files, photos
from gateway.store.upsert import insert_new

MARKER = "store"
"""The file that names the store whose folder it is."""

PREFIXES = tuple(f"{number:02x}" for number in range(256))
_NAME = re.compile(r"([0-9a-f]{64})\.jpg")


class Survey(Struct, frozen=True):
    """How many files the store knew nothing of yet, lacks though it knew them, had removed but for their file."""

    adopted: int = 0
    missing: int = 0
    swept: int = 0

    def __add__(self, other: "Survey") -> "Survey":
        return Survey(
            self.adopted + other.adopted,
            self.missing + other.missing,
            self.swept + other.swept,
        )


def whole(folder: Path, digest: str) -> Path:
    """Where a whole photo lies."""
    return folder / digest[:2] / f"{digest}.jpg"


def part(folder: Path, unit: str, digest: str) -> Path:
    """Where what there is of a unit's photo lies until it is whole."""
    return folder / "parts" / unit / f"{digest}.part"


def sync(folder: Path) -> None:
    """Brings the names in `folder` onto the medium."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def note_kept(store: Store, digest: str, size: int, now_ms: int) -> None:
    """From the commit on a photo counts as kept, for every unit that announced it."""
    with store.changing() as connection:
        insert_new(connection, photo_files, {"sha256": digest, "bytes": size, "kept_ms": now_ms})
        connection.execute(photos.update().where(photos.c.sha256 == digest).values(wanted=False))


def look_over_strange(store: Store, folder: Path, own: OwnLog, now_ms: int) -> Survey | None:
    """Looks a folder over that is not known as this store's: a new one, a lost one, another's. None: it is known.

    Raises OSError.
    """
    marker = folder / MARKER
    if marker.exists() and marker.read_text("ascii").strip() == store.identity:
        return None
    found = look_over(store, folder, own, now_ms)
    if folder.is_dir():
        marker.write_text(store.identity + "\n", "ascii")
    return found


def look_over(store: Store, folder: Path, own: OwnLog, now_ms: int) -> Survey:
    """Makes the store agree with the folder: what is gone from it is asked of its units again.

    A file is taken by its name and size; its bytes were verified before it got its name. Raises OSError.
    """
    found = Survey()
    for prefix in PREFIXES:
        found += _look_over(store, folder, prefix, now_ms)
    if found.missing:
        with store.writing() as connection:
            book = Book(store.is_sqlite)
            book.open(connection, now_ms)
            what = f"{found.missing} photos are gone from {folder}; their units are asked again"
            own.alarm(book, what, part="photos")
            book.close()
    return found


def _look_over(store: Store, folder: Path, prefix: str, now_ms: int) -> Survey:
    there = dict(_files(folder / prefix))
    with store.reading() as connection:
        notes = connection.execute(
            sa.select(photo_files.c.sha256, photo_files.c.removed_ms).where(
                _begins(photo_files, prefix)
            )
        ).all()
        wanted = connection.execute(
            sa.select(photos.c.sha256, photos.c.bytes).where(
                _begins(photos, prefix), photos.c.wanted
            )
        ).all()
    adopted = {one.sha256 for one in wanted if there.get(one.sha256) == one.bytes}
    missing = [one for one, removed_ms in notes if removed_ms is None and one not in there]
    swept = [one for one, removed_ms in notes if removed_ms is not None and one in there]
    for digest in adopted:
        note_kept(store, digest, there[digest], now_ms)
    _ask_again(store, missing)
    for digest in swept:
        whole(folder, digest).unlink(missing_ok=True)
    return Survey(len(adopted), len(missing), len(swept))


def _begins(table: sa.Table, prefix: str) -> sa.ColumnElement[bool]:
    """By bounds, since LIKE uses no index of SQLite's."""
    return sa.and_(table.c.sha256 >= prefix, table.c.sha256 < prefix + "g")


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(folder) as found:
            for one in found:
                if named := _NAME.fullmatch(one.name):
                    yield named[1], one.stat().st_size
    except FileNotFoundError:
        return


def _ask_again(store: Store, missing: list[str]) -> None:
    with store.changing() as connection:
        for digest in missing:
            connection.execute(photo_files.delete().where(photo_files.c.sha256 == digest))
            connection.execute(
                photos.update()
                .where(photos.c.sha256 == digest, photos.c.lost.is_(None))
                .values(wanted=True)
            )
