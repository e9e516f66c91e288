"""The units' photos as files: chunks that a record announced, put together, verified, and acknowledged.

A unit's part grows; once its hash holds it becomes the photo's one file, by rename after fsync (see
`gateway.photos.files`). What is there is the state: workers that share the folder take turns by a lock on the
part, and a part that lost its tail with a power cut is gone on with where it ends. A chunk without bytes is a
question, and the answer says how much is here. Nothing but `done` promises anything.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from gateway.ingest import quarantine
from gateway.ingest.photo_room import PhotoRoom
from gateway.photos.files import look_over_strange, note_kept, part, sync, whole
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import photo_files, photos
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


class Standing(Struct, frozen=True):
    """What the store says of a photo: its size by its record; whether its file is noted as kept, or removed."""

    bytes: int
    noted: bool
    removed: bool


ASKED_AT_ONCE = 16
"""Photos that a unit is asked for when it greets: the next greeting asks for the next ones."""


class Shelf:
    """The photos' folder, as one worker has it. `reached` is called at the named points."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        signer: Signer,
        nonces: Mapping[str, str],
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`nonces`: each unit's latest greeting."""
        self._store, self._folder, self._signer = store, folder, signer
        self._nonces, self._reached = nonces, reached
        self._room = PhotoRoom(store, folder)
        self._asked: dict[str, int] = {}
        self._said = ""

    def look_over(self, own: OwnLog, now_ms: int) -> None:
        """At the start: a folder that is not known as this store's is compared with what the store says."""
        try:
            found = look_over_strange(self._store, self._folder, own, now_ms)
        except OSError as exc:
            self._complain(exc)
            return
        if found and found.missing:
            log.error("photos folder %s: %d are gone, asked again", self._folder, found.missing)

    def lacking(self, unit: str, via: int, now_ms: int) -> list[Answer]:
        """What is said to a unit that greets: of which photos not all is here. It sends what it still has."""
        after = self._asked.get(unit, 0)
        query = sa.select(photos.c.sha256, photos.c.pos)
        query = query.where(photos.c.unit == unit, photos.c.wanted, photos.c.pos > after)
        with self._store.reading() as connection:
            query = query.order_by(photos.c.pos).limit(ASKED_AT_ONCE)
            rows = connection.execute(query).all()
        self._asked[unit] = rows[-1].pos if len(rows) == ASKED_AT_ONCE else 0
        return [self._told(unit, row.sha256, via, now_ms) for row in rows]

    def _told(self, unit: str, digest: str, via: int, now_ms: int) -> Answer:
        question = Chunk(unit, digest, 0, b"", via)
        held = _size(part(self._folder, unit, digest))
        return self._ack(question, held, done=False, now_ms=now_ms)

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
            announced = self._announced(chunk)
            if announced.removed:
                return self._ack(chunk, announced.bytes, done=True, now_ms=now_ms)
            if chunk.data:
                self._room.check(chunk.unit, now_ms)
            held, done = keep(self._folder, chunk, announced.bytes, self._reached)
        except Wrong as exc:
            return self._refuse(chunk, str(exc), now_ms)
        self._said = ""
        if done and not announced.noted:
            note_kept(self._store, chunk.sha256, held, now_ms)
            self._reached("photos.after_note")
        return self._ack(chunk, held, done, now_ms)

    def _ack(self, chunk: Chunk, held: int, done: bool, now_ms: int) -> Answer:
        ack = PhotoAck(
            1,
            chunk.sha256,
            held,
            self._store.identity,
            now_ms,
            done,
            self._nonces.get(chunk.unit),
        )
        return self._answer(chunk, self._signed(ack, chunk))

    def _announced(self, chunk: Chunk) -> Standing:
        """What is known of the photo. Raises `Wrong` for what may not be taken."""
        here = photos.join(photo_files, photos.c.sha256 == photo_files.c.sha256, isouter=True)
        query = sa.select(photos.c.bytes, photo_files.c.kept_ms, photo_files.c.removed_ms)
        query = query.select_from(here)
        query = query.where(photos.c.unit == chunk.unit, photos.c.sha256 == chunk.sha256)
        with self._store.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise Wrong("no photo record of this unit announced this hash")
        size: int = row.bytes
        if not 0 < size <= MAX_PHOTO_BYTES:
            raise Wrong(f"the record announced {size} bytes, none or more than {MAX_PHOTO_BYTES}")
        if len(chunk.data) > MAX_CHUNK_BYTES or chunk.offset + len(chunk.data) > size:
            raise Wrong(f"{len(chunk.data)} bytes at {chunk.offset} of a photo of {size}")
        return Standing(size, row.kept_ms is not None, row.removed_ms is not None)

    def _refuse(self, chunk: Chunk, why: str, now_ms: int) -> Answer:
        topic = topics.photo(chunk.unit, chunk.sha256, chunk.offset)
        with self._store.changing() as connection:
            digest = quarantine.put(connection, chunk.unit, topic, chunk.data, why, now_ms)
        refused = Refused(1, why, digest, self._store.identity, now_ms)
        return self._answer(chunk, self._signed(refused, chunk))

    def _signed(self, answer: PhotoAck | Refused, chunk: Chunk) -> bytes:
        return codec.encode_signed(answer, topics.ack(chunk.unit, "photo"), self._signer)

    def _answer(self, chunk: Chunk, payload: bytes) -> Answer:
        return Answer(topics.ack(chunk.unit, "photo"), payload, chunk.via)

    def _complain(self, exc: OSError) -> None:
        """Once for each fault, not once for each chunk: units send again for as long as it lasts."""
        line = f"photos folder {self._folder}: {exc.strerror}; photos wait on the units"
        if line != self._said:
            self._said = line
            log.error("%s; check room and permissions", line)


def keep(
    folder: Path, chunk: Chunk, size: int, reached: Callable[[str], None] = lambda point: None
) -> tuple[int, bool]:
    """Keeps what is new in `chunk`; how many bytes there are now, and whether they are a verified whole.

    Raises `Wrong` when the whole has another hash (it begins anew), and OSError.
    """
    path, there = part(folder, chunk.unit, chunk.sha256), whole(folder, chunk.sha256)
    if there.exists() and not path.exists():
        return size, True
    if not chunk.data and not there.exists() and _size(path) < size:
        return _size(path), False
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as fd:
        if there.exists():
            path.unlink(missing_ok=True)
            return size, True
        held = _append(fd, chunk)
        reached("photos.after_chunk")
        if held < size:
            return held, False
        _finish(fd, path, there, size, reached)
        return size, True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The part, open and this worker's alone; another may have renamed it while this one waited."""
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


def _finish(fd: int, path: Path, there: Path, size: int, reached: Callable[[str], None]) -> None:
    with path.open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != there.stem or os.fstat(fd).st_size != size:
        path.unlink()
        raise Wrong("the whole photo has another hash than its record; it begins anew")
    os.fsync(fd)
    if not there.parent.is_dir():
        there.parent.mkdir(parents=True, exist_ok=True)
        sync(there.parent.parent)
    reached("photos.before_rename")
    path.rename(there)
    sync(there.parent)
    reached("photos.after_rename")
