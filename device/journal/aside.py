"""A journal on a medium that cannot be written, or that nobody must write to: it is copied first, and the copy read.

SQLite cannot read a write-ahead log without writing beside it, and leaves the log out where it is told that the
file never changes: the newest records would be missing. A card that is dying has spots that cannot be read: they
become zeros in the copy, which is then salvaged as any damaged journal.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from device.journal.errors import translated
from device.journal.journal import Journal

BESIDE = ("", "-wal", ".lock", ".salvaging", ".salvaging-wal")
"""The file, its log, whether it was closed, and a salvage that was under way; SQLite's `-shm` is made anew."""

SALVAGE = BESIDE.index(".salvaging")
CHUNK, SPOT = 1024 * 1024, 4096
Progress = Callable[[int, int], None]
Pread = Callable[[int, int, int], bytes]


@contextmanager
def copied(
    path: Path, into: Path | None = None, progress: Progress = lambda done, of: None
) -> Iterator[Path]:
    """A copy of the journal at `path`, in a folder of its own below `into`, which goes at the end.

    `progress` hears of how many bytes are done, of how many. Raises the journal's errors: no such file, or no room
    for its copy.
    """
    with tempfile.TemporaryDirectory(prefix=".xunkong-journal-", dir=into) as folder:
        copy = Path(folder) / path.name
        try:
            there = [path.with_name(path.name + suffix) for suffix in BESIDE]
            files = [one for one in there if one.exists()]
            if not {path, there[SALVAGE]} & {*files}:
                files = [path]
            total, done = sum(one.stat().st_size for one in files), 0
            for one in files:
                for count in copy_file(one, copy.with_name(one.name)):
                    done += count
                    progress(done, total)
        except OSError as exc:
            raise translated(path, exc) from exc
        yield copy


def copy_file(path: Path, to: Path, pread: Pread = os.pread) -> Iterator[int]:
    """Copies a file; gives how many bytes each step copied. Spots that cannot be read become zeros. Raises OSError."""
    with path.open("rb") as file, to.open("wb") as out:
        fd, size = file.fileno(), os.fstat(file.fileno()).st_size
        for at in range(0, size, CHUNK):
            count = min(CHUNK, size - at)
            data = _read(pread, fd, count, at)
            if data is None:
                spots = range(at, at + count, SPOT)
                ends = ((spot, min(SPOT, at + count - spot)) for spot in spots)
                data = b"".join(_read(pread, fd, some, spot) or bytes(some) for spot, some in ends)
            out.write(data)
            yield count


def _read(pread: Pread, fd: int, count: int, at: int) -> bytes | None:
    """None where the medium cannot give it."""
    try:
        return pread(fd, count, at)
    except OSError as exc:
        if exc.errno != errno.EIO:
            raise
        return None


@contextmanager
def reading(path: Path) -> Iterator[Journal]:
    """The journal at `path` to be read, beside the running unit too, and on a card that takes no writes any more.

    Raises the journal's errors.
    """
    if not _read_only(path.parent):
        yield from closing(Journal.open(path, read_only=True))
        return
    with copied(path) as copy:
        yield from closing(Journal.open(copy, read_only=True))


def closing(journal: Journal) -> Iterator[Journal]:
    """`journal`, and in the end it is closed."""
    try:
        yield journal
    finally:
        journal.close()


def _read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False
