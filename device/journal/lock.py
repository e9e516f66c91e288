"""One writer per journal: a lock on a file beside it, which ends with the process that holds it.

The file says whether the journal was closed: `1` while it is in use, `0` after that.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from device.journal.errors import JournalBusy, translated

IN_USE, CLOSED = b"1", b"0"


def own(path: Path) -> BinaryIO:
    """Makes this process the only writer of the journal at `path`. Raises `JournalBusy`."""
    try:
        place = path.with_name(path.name + ".lock")
        lock = os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b", 0)
    except OSError as exc:
        raise translated(path, exc) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        lock.close()
        raise JournalBusy(
            f"日志 {path} 正被另一个进程使用；请先停止它",
            f"journal {path} is in use by another process; stop that first",
        ) from exc
    return lock


def was_in_use(lock: BinaryIO) -> bool:
    """Whether the writer before this one never closed the journal."""
    return os.pread(lock.fileno(), 1, 0) == IN_USE


def note(lock: BinaryIO, state: bytes) -> None:
    """Notes that the journal is in use, or closed. On a full card a first note finds no room: then a log
    that is lost from now on goes unnoticed at the next start, and nothing else depends on it."""
    with suppress(OSError):
        os.pwrite(lock.fileno(), state, 0)
        os.fsync(lock.fileno())


def release(lock: BinaryIO | None, *, closed: bool = False) -> None:
    """Lets another process own it; `closed`: all of it is in its file. None: it was only read."""
    if lock is None:
        return
    if closed and not lock.closed:
        note(lock, CLOSED)
    lock.close()
