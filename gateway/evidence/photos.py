"""Photos held against the records that announced them: here and of their hash, gone by a signed word, or not proven."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.evidence.rows import STREAMED
from gateway.photos.files import whole
from gateway.store.open import Store
from gateway.store.schema import photo_files, photos, records
from wire.batch import decode_record
from wire.evidence.findings import Finding
from wire.records import Photo
from wire.topics import GATEWAY


class PhotoCheck:
    """`looked_at`, `proven`: how many."""

    def __init__(self, store: Store, connection: Connection, folder: Path) -> None:
        self._store, self._connection, self._folder = store, connection, folder
        self._removals = _removals(connection)
        self.looked_at = self.proven = 0

    def announced(self, unit: str, photo: Photo) -> Iterator[Finding]:
        """What is to be said of a photo that `unit` announced."""
        if unit == GATEWAY or photo.lost is not None:
            return
        self.looked_at += 1
        note = self._note(photo.sha256)
        if note is None:
            yield self._not_here(unit, photo.sha256)
        elif note.removed_ms is not None:
            yield self._removed(photo.sha256, note.why)
        else:
            yield from self._file(photo.sha256)

    def _note(self, digest: str) -> sa.Row[tuple[object, ...]] | None:
        query = sa.select(photo_files).where(photo_files.c.sha256 == digest)
        return self._connection.execute(query).first()

    def _not_here(self, unit: str, digest: str) -> Finding:
        query = sa.select(photos).where(photos.c.unit == unit, photos.c.sha256 == digest)
        row = self._connection.execute(query).first()
        if row is not None and row.lost:
            return Finding("declared", digest, row.lost)
        if row is not None and row.wanted:
            return Finding("waiting", digest, f"announced by {unit}, not come yet")
        return Finding(
            "photo", digest, f"announced by {unit}; it is not here, and nothing waits for it"
        )

    def _removed(self, digest: str, why: object) -> Finding:
        if _stands(self._removals, digest):
            return Finding("removed", digest, str(why or ""))
        return Finding("photo", digest, "removed, and no record of the gateway's says so")

    def _file(self, digest: str) -> Iterator[Finding]:
        try:
            with whole(self._folder, digest).open("rb") as file:
                found = file_digest(file, "sha256").hexdigest()
        except OSError as exc:
            if not self._removed_meanwhile(digest):
                yield Finding("photo", digest, f"its file cannot be read: {exc.strerror}")
            return
        if found == digest:
            self.proven += 1
        else:
            yield Finding("photo", digest, f"its file is another one, of hash {found}")

    def _removed_meanwhile(self, digest: str) -> bool:
        query = sa.select(photo_files.c.removed_ms).where(photo_files.c.sha256 == digest)
        with self._store.reading() as connection:
            return connection.execute(query).scalar() is not None


def _removals(connection: Connection) -> "array[int]":
    """The photos whose removal the gateway recorded: eight bytes of each hash, sorted, for memory's sake."""
    c = records.c
    query = sa.select(c.raw).where(c.unit == GATEWAY, c.stream == "event", c.kind == "photo")
    found = array("Q")
    for raw in connection.execute(query, execution_options=STREAMED).scalars():
        said = decode_record(raw)
        if isinstance(said, Photo) and said.lost is not None:
            found.append(int(said.sha256[:16], 16))
    return array("Q", sorted(found))


def _stands(sorted_numbers: "array[int]", digest: str) -> bool:
    number = int(digest[:16], 16)
    at = bisect_left(sorted_numbers, number)
    return at < len(sorted_numbers) and sorted_numbers[at] == number
