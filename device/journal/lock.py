"""One writer per journal: a lock on a file beside it, which ends with the process that holds it."""

import fcntl
from pathlib import Path
from typing import BinaryIO

from device.journal.errors import JournalBusy, translated


def own(path: Path) -> BinaryIO:
    """Makes this process the only writer of the journal at `path`. Raises `JournalBusy`."""
    try:
        lock = path.with_name(path.name + ".lock").open("ab")
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


def release(lock: BinaryIO | None) -> None:
    """Lets another process own it; None: it was only read."""
    if lock is not None:
        lock.close()
