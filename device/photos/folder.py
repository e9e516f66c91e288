"""The photos' folder: bounded, every file whole or not there, its state told by the folder it lies in.

`new/`: on the medium, its record not yet in the journal. `waiting/`: on record, for the gateway. `done/`:
acknowledged, kept for a while. `lost/`: given up, until that is on record too. A file moves by rename, so
that a kill at any moment leaves it in one of them. Names begin with a number that only rises: the order
is that of the pictures, whatever the clock said. Those that somebody waits for are named so.

Room: when a new photo would exceed the budget the oldest acknowledged one goes, then the next; only when
none is left the oldest that waits is given up, as those who look for what happened ask for the latest.
What else fills the medium costs acknowledged photos only, and then no new ones are taken: records need
the rest. So do they while too many were given up and the journal takes no record of it.
"""

import os
import re
import shutil
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
URGENT = "-urgent"
_NAME = re.compile(rf"(\d{{10}})-([0-9a-f]{{64}})({URGENT})?\.jpg")
DAY_MS = 86_400_000

LOST_PART = 4
"""What was given up may hold a quarter of the budget beside it until that is on record."""


class PhotoFault(Fault):
    """The folder could not do what was asked; no half file was left."""


class Rotten(PhotoFault):
    """A file's bytes are no longer those that were written."""


class Entry(msgspec.Struct):
    """One photo's file. `number` gives its place among all; `urgent`: somebody waits for it."""

    number: int
    sha256: str
    size_bytes: int
    state: State
    urgent: bool = False


def unsent(path: Path) -> dict[str, Path]:
    """The photos in the folder at `path` that are on record and that the gateway does not have, by their hash, the
    oldest first; nothing is touched. Raises OSError."""
    folder = path / "waiting"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {found[2]: file for file in files if (found := _NAME.fullmatch(file.name))}


def free_bytes(path: Path) -> int:
    """What the medium of `path` has left for whoever writes."""
    return shutil.disk_usage(path).free


class PhotoFolder:
    """One thread owns it. `most_count` and `most_bytes` bound what lies in it, given-up files apart;
    `keep_free_bytes` of the medium are not for photos. `reached` is called at the named points.
    """

    def __init__(
        self,
        path: Path,
        most_count: int,
        most_bytes: int,
        keep_free_bytes: int = 0,
        fsync: Callable[[int], None] = os.fsync,
        reached: Callable[[str], None] = lambda point: None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """Takes up what runs before left. Raises `PhotoFault`."""
        self.path, self._most_count, self._most_bytes = path, most_count, most_bytes
        self._keep_free_bytes, self._free = keep_free_bytes, free
        self._fsync, self._reached = fsync, reached
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
                    size = path.stat().st_size
                    yield Entry(int(named[1]), named[2], size, state, bool(named[3]))
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
        mark = URGENT if entry.urgent else ""
        return self.path / entry.state / f"{entry.number:010d}-{entry.sha256}{mark}.jpg"

    def find(self, digest: str) -> Entry | None:
        """A photo that is here, in whatever state."""
        return self._entries.get(digest)

    # In

    def keep(self, jpeg: bytes, urgent: bool = False) -> Entry:
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
        entry = Entry(self._next, digest, len(jpeg), "new", urgent)
        with self._told():
            self._write(self._at(entry), jpeg)
        self._next += 1
        self._entries[digest] = entry
        self._whole.add(digest)
        self._reached("photos.after_keep")
        return entry

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                self._fsync(file.fileno())
            self._reached("photos.before_rename")
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
        self._reached("photos.after_move")
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
        """Removes what was acknowledged more than `keep_days` ago; returns how many. Raises `PhotoFault`.

        Where the medium is short of room, more of these.
        """
        gone = 0
        for entry in self.list("done"):
            with self._told():
                marked_ms = self._at(entry).stat().st_mtime_ns // 1_000_000
            if marked_ms == 0:
                self.mark(entry.sha256, utc_ms)
            elif utc_ms - marked_ms > keep_days * DAY_MS:
                self.forget(entry.sha256)
                gone += 1
        self._leave_free(0)
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
        self._reached("photos.after_forget")

    def _make_room(self, more_bytes: int) -> None:
        if more_bytes > self._most_bytes:
            raise PhotoFault(
                f"照片有 {more_bytes} 字节，超过整个配额；请调大 [camera] max_mb",
                f"the photo has {more_bytes} bytes, more than all may have; raise [camera] max_mb",
            )
        if not self._leave_free(more_bytes):
            raise PhotoFault(
                "存储卡所剩空间留给记录；请清理存储卡，或调小 [camera] keep_free_mb",
                "what is left of the card is for records; clear it up, or lower [camera] keep_free_mb",
            )
        if sum(entry.size_bytes for entry in self.list("lost")) > self._most_bytes // LOST_PART:
            raise PhotoFault(
                "已放弃的照片尚未记录在案，不再拍摄；请检查日志所在的存储卡",
                "photos that were given up are not on record yet, so none is taken; check the journal's card",
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

    def _leave_free(self, more_bytes: int) -> bool:
        """Removes acknowledged photos, the oldest first, until enough is free; False where it is not enough."""
        with self._told():
            while self._free(self.path) - more_bytes < self._keep_free_bytes:
                done = self.list("done")
                if not done:
                    return False
                self.forget(done[0].sha256)
        return True

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
