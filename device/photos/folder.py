"""The photos' folder: bounded, every file whole or not there, its state told by the folder it lies in.

`new/`: on the medium, its record not yet in the journal. `waiting/`: on record, for the gateway. `done/`:
acknowledged, kept for a while. `lost/`: given up, until that is on record too. A file moves by rename, so
that a kill at any moment leaves it in one of them. Names begin with a number that only rises: the order
is that of the pictures, whatever the clock said.

Room: when a new photo would exceed the budget the oldest acknowledged one goes, then the next; only when
none is left the oldest that waits is given up, as those who look for what happened ask for the latest.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from hardware.camera.jpeg import BadJpeg, measure
from wire.words import Fault

State = Literal["new", "waiting", "done", "lost"]
STATES: tuple[State, ...] = ("new", "waiting", "done", "lost")
_NAME = re.compile(r"(\d{10})-([0-9a-f]{64})\.jpg")
DAY_MS = 86_400_000


class PhotoFault(Fault):
    """The folder could not do what was asked; no half file was left."""


class Rotten(PhotoFault):
    """A file's bytes are no longer those that were written."""


class Entry(msgspec.Struct):
    """One photo's file. `number` gives its place among all."""

    number: int
    sha256: str
    size_bytes: int
    state: State


class PhotoFolder:
    """One thread owns it. `most_count` and `most_bytes` bound what lies in it, given-up files apart."""

    def __init__(
        self,
        path: Path,
        most_count: int,
        most_bytes: int,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        """Takes up what runs before left. Raises `PhotoFault`."""
        self.path, self._most_count, self._most_bytes = path, most_count, most_bytes
        self._fsync = fsync
        self._whole: set[str] = set()
        with self._told():
            self._entries = {entry.sha256: entry for entry in self._found()}
        self._next = max((entry.number for entry in self._entries.values()), default=0) + 1

    def _found(self) -> Iterator[Entry]:
        for state in STATES:
            folder = self.path / state
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.iterdir()):
                named = _NAME.fullmatch(path.name)
                if named:
                    yield Entry(int(named[1]), named[2], path.stat().st_size, state)
                elif path.suffix == ".part":
                    path.unlink()

    def list(self, state: State) -> list[Entry]:
        """The photos in `state`, the oldest first."""
        found = (entry for entry in self._entries.values() if entry.state == state)
        return sorted(found, key=lambda entry: entry.number)

    def file(self, digest: str) -> Path:
        """Where a photo lies. Raises KeyError for none of these."""
        return self._at(self._entries[digest])

    def _at(self, entry: Entry) -> Path:
        return self.path / entry.state / f"{entry.number:010d}-{entry.sha256}.jpg"

    # In

    def keep(self, jpeg: bytes) -> Entry:
        """Keeps a whole JPEG; it is on the medium on return. Raises `PhotoFault`, a truncated one too."""
        try:
            measure(jpeg)
        except BadJpeg as exc:
            raise PhotoFault(
                f"照片不完整，未保存：{exc}", f"the photo is not whole: {exc}"
            ) from exc
        digest = sha256(jpeg).hexdigest()
        held = self._entries.get(digest)
        if held and held.state != "lost":
            return held
        self._make_room(len(jpeg))
        entry = Entry(self._next, digest, len(jpeg), "new")
        with self._told():
            self._write(self._at(entry), jpeg)
        self._next += 1
        self._entries[digest] = entry
        self._whole.add(digest)
        return entry

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                self._fsync(file.fileno())
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        self._sync(path.parent)

    def _sync(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(fd)
        finally:
            os.close(fd)

    # On its way

    def move(self, digest: str, state: State) -> bool:
        """Puts a photo into another state, on the medium; False where it is not here. Raises `PhotoFault`."""
        entry = self._entries.get(digest)
        if entry is None or entry.state == state:
            return entry is not None
        before = self._at(entry)
        after = msgspec.structs.replace(entry, state=state)
        with self._told():
            if not before.exists():
                del self._entries[digest]
                return False
            before.replace(self._at(after))
            self._sync(self._at(after).parent)
            self._sync(before.parent)
        entry.state = state
        return True

    def read(self, digest: str, offset: int, most_bytes: int) -> bytes:
        """Bytes of a photo. Raises `Rotten`: it is not what was written; `PhotoFault`.

        The whole is checked once in a run, before its first byte leaves the unit.
        """
        entry = self._entries.get(digest)
        if entry is None:
            raise Rotten(f"照片 {digest[:8]} 已不在", f"photo {digest[:8]} is not there any more")
        try:
            with self._at(entry).open("rb") as file:
                if digest not in self._whole:
                    self._check(digest, file.read())
                file.seek(offset)
                return file.read(most_bytes)
        except FileNotFoundError as exc:
            raise Rotten(f"照片 {digest[:8]} 已不在", f"photo {digest[:8]} was removed") from exc
        except OSError as exc:
            raise self._fault(exc) from exc

    def rest(self, digest: str) -> bytes:
        """What is left of a photo, whole or not; empty where nothing can be read."""
        try:
            return self.file(digest).read_bytes()
        except OSError:
            return b""

    def _check(self, digest: str, data: bytes) -> None:
        if sha256(data).hexdigest() != digest:
            raise Rotten(
                f"照片 {digest[:8]} 已不是写入时的内容",
                f"photo {digest[:8]} is not what was written; check the card",
            )
        self._whole.add(digest)

    # Out

    def mark(self, digest: str, utc_ms: int | None) -> None:
        """Dates an acknowledged photo; 0 stands for a date that is not known yet. Raises `PhotoFault`."""
        with self._told():
            os.utime(self.file(digest), ns=(0, (utc_ms or 0) * 1_000_000))

    def tidy(self, utc_ms: int, keep_days: float) -> int:
        """Removes what was acknowledged more than `keep_days` ago; returns how many. Raises `PhotoFault`."""
        gone = 0
        for entry in self.list("done"):
            with self._told():
                marked_ms = self._at(entry).stat().st_mtime_ns // 1_000_000
            if marked_ms == 0:
                self.mark(entry.sha256, utc_ms)
            elif utc_ms - marked_ms > keep_days * DAY_MS:
                self.forget(entry.sha256)
                gone += 1
        return gone

    def forget(self, digest: str) -> None:
        """Removes a photo. Raises `PhotoFault`."""
        entry = self._entries.get(digest)
        if entry is None:
            return
        with self._told():
            self._at(entry).unlink(missing_ok=True)
        del self._entries[digest]
        self._whole.discard(digest)

    def _make_room(self, more_bytes: int) -> None:
        if more_bytes > self._most_bytes:
            raise PhotoFault(
                f"照片有 {more_bytes} 字节，超过整个配额；请调大 [camera] max_mb",
                f"the photo has {more_bytes} bytes, more than all may have; raise [camera] max_mb",
            )
        while self._over(more_bytes):
            oldest = (*self.list("done"), *self.list("waiting"))[:1]
            if not oldest:
                return
            if oldest[0].state == "done":
                self.forget(oldest[0].sha256)
            else:
                self.move(oldest[0].sha256, "lost")

    def _over(self, more_bytes: int) -> bool:
        kept = [entry.size_bytes for entry in self._entries.values() if entry.state != "lost"]
        return len(kept) >= self._most_count or sum(kept) + more_bytes > self._most_bytes

    # Faults

    def _told(self) -> "_Told":
        return _Told(self._fault)

    def _fault(self, exc: OSError) -> PhotoFault:
        return PhotoFault(
            f"照片目录 {self.path}：{exc.strerror}；请检查空间、权限和存储卡",
            f"photos folder {self.path}: {exc.strerror}; check room, permissions and the card",
        )


class _Told:
    """Within it an `OSError` becomes a `PhotoFault`."""

    def __init__(self, fault: Callable[[OSError], PhotoFault]) -> None:
        self._fault = fault

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, exc: BaseException | None, __: object) -> None:
        if isinstance(exc, OSError):
            raise self._fault(exc) from exc
