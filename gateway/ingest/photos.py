"""The units' photos as files: chunks that a record announced, put together, verified, and acknowledged.

`<folder>/<unit>/<sha256>.part` grows; once its hash holds it becomes `<sha256>.jpg`, by rename after fsync.
What is there is the state: workers that share the folder take turns by a lock on the part, and a part that
lost its tail with a power cut is gone on with where it ends. Nothing but `done` promises anything.
"""

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from gateway.ingest import quarantine
from gateway.store.open import Store
from gateway.store.schema import photos
from wire import codec, topics
from wire.chain import Signer
from wire.limits import MAX_CHUNK_BYTES, MAX_PHOTO_BYTES
from wire.orders import PhotoAck, Refused

log = logging.getLogger("xunkong.ingest")


class Chunk(Struct, frozen=True):
    """Bytes of a unit's photo from `offset` on; `via` is handed back with the answer."""

    unit: str
    sha256: str
    offset: int
    data: bytes
    via: int


class Answer(Struct, frozen=True):
    """What goes back to a unit, through the broker that its message came from."""

    topic: str
    payload: bytes
    via: int


class Wrong(Exception):
    """A chunk that is refused, and why."""


class Shelf:
    """The photos' folder, as one worker has it."""

    def __init__(self, store: Store, folder: Path, signer: Signer) -> None:
        self._store, self._folder, self._signer = store, folder, signer
        self._said = ""

    def take(self, chunks: Sequence[Chunk], now_ms: int) -> list[Answer]:
        """Takes chunks in their order; the answers. What the disk does not take is not answered."""
        answers: dict[tuple[str, str], Answer] = {}
        for chunk in chunks:
            try:
                answers[chunk.unit, chunk.sha256] = self._one(chunk, now_ms)
            except OSError as exc:
                self._complain(exc)
        return list(answers.values())

    def _one(self, chunk: Chunk, now_ms: int) -> Answer:
        try:
            size = self._announced(chunk)
            held = keep(self._folder / chunk.unit, chunk, size)
        except Wrong as exc:
            return self._refuse(chunk, str(exc), now_ms)
        self._said = ""
        ack = PhotoAck(1, chunk.sha256, held, self._store.identity, now_ms, done=held == size)
        return self._answer(chunk, codec.encode(codec.sign(ack, self._signer)))

    def _announced(self, chunk: Chunk) -> int:
        """How many bytes the photo has by its record. Raises `Wrong` for what may not be taken."""
        query = sa.select(photos.c.bytes)
        query = query.where(photos.c.unit == chunk.unit, photos.c.sha256 == chunk.sha256)
        with self._store.reading() as connection:
            size: int | None = connection.execute(query).scalar()
        if size is None:
            raise Wrong("no photo record of this unit announced this hash")
        if size > MAX_PHOTO_BYTES:
            raise Wrong(f"the record announced {size} bytes, more than {MAX_PHOTO_BYTES}")
        if len(chunk.data) > MAX_CHUNK_BYTES or chunk.offset + len(chunk.data) > size:
            raise Wrong(f"{len(chunk.data)} bytes at {chunk.offset} of a photo of {size}")
        return size

    def _refuse(self, chunk: Chunk, why: str, now_ms: int) -> Answer:
        topic = topics.photo(chunk.unit, chunk.sha256, chunk.offset)
        with self._store.changing() as connection:
            digest = quarantine.put(connection, chunk.unit, topic, chunk.data, why, now_ms)
        refused = Refused(1, why, digest, self._store.identity, now_ms)
        return self._answer(chunk, codec.encode(codec.sign(refused, self._signer)))

    def _answer(self, chunk: Chunk, payload: bytes) -> Answer:
        return Answer(topics.ack(chunk.unit, "photo"), payload, chunk.via)

    def _complain(self, exc: OSError) -> None:
        """Once for each fault, not once for each chunk: units send again for as long as it lasts."""
        line = f"photos folder {self._folder}: {exc.strerror}; photos wait on the units"
        if line != self._said:
            self._said = line
            log.error("%s; check room and permissions", line)


def whole(folder: Path, digest: str) -> Path:
    """Where a unit's whole photo lies."""
    return folder / f"{digest}.jpg"


def part(folder: Path, digest: str) -> Path:
    """Where what there is of one lies."""
    return folder / f"{digest}.part"


def keep(folder: Path, chunk: Chunk, size: int) -> int:
    """Keeps what is new in `chunk`; how many bytes there are now, `size` only of a verified whole.

    Raises `Wrong` when the whole has another hash (it begins anew), and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, chunk.sha256) as fd:
        if whole(folder, chunk.sha256).exists():
            part(folder, chunk.sha256).unlink(missing_ok=True)
            return size
        held = _append(fd, chunk)
        if held < size:
            return held
        return _finish(fd, folder, chunk.sha256, size)


@contextmanager
def _locked(folder: Path, digest: str) -> Iterator[int]:
    """The part, open and this worker's alone; another may have renamed it while this one waited."""
    path = part(folder, digest)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is(fd, path):
                yield fd
                return
        finally:
            os.close(fd)


def _is(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _append(fd: int, chunk: Chunk) -> int:
    """A chunk beyond the end leaves a hole and is not taken; of one before it, only what is new."""
    held = os.fstat(fd).st_size
    fresh = chunk.data[max(0, held - chunk.offset) :] if chunk.offset <= held else b""
    try:
        while fresh:
            count = os.pwrite(fd, fresh, held)
            held, fresh = held + count, fresh[count:]
    except OSError:
        os.ftruncate(fd, held)
        raise
    return held


def _finish(fd: int, folder: Path, digest: str, size: int) -> int:
    path = part(folder, digest)
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != digest or os.fstat(fd).st_size != size:
        path.unlink()
        raise Wrong("the whole photo has another hash than its record; it begins anew")
    os.fsync(fd)
    path.rename(whole(folder, digest))
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return size
