"""Whether SQLite's write-ahead log still had its end when it was found: a card may lose what was fsynced.

SQLite passes over a log that is missing, and over whatever follows the last frame that is whole, without a
word: records that were told of would be gone, and their numbers given again. Source: SQLite's file format,
section 4.
"""

import os
import sqlite3
from pathlib import Path

from msgspec import Struct

HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
COMMIT, SALT = slice(4, 8), slice(8, 16)
KERNEL_PAGE_BYTES = 4096


class Tail(Struct, frozen=True):
    """A log before SQLite has opened it: `frames` begun in its present generation; 0: no log, or an empty one.

    `anew`: it was begun anew over older frames, which SQLite does only once the file has all that stood there.
    `sure`: the last of them that ended a commit and has others behind it, or is torn within; SQLite must be able
    to read that far. A kill leaves the frames of a commit that was not ended: the last one may be a header
    alone, a header before an older page, or one whose page ends where a page of the kernel's does. That is no
    loss.
    """

    frames: int
    sure: int = 0
    anew: bool = False


def tail_of(journal: Path) -> Tail:
    """Looks at the log beside `journal`; older frames may lie behind the present ones. Raises OSError."""
    path = journal.with_name(f"{journal.name}-wal")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(HEADER_BYTES)
            page_bytes = int.from_bytes(header[8:12])
            frames, sure, ended, end = 0, 0, 0, HEADER_BYTES
            while len(header) == HEADER_BYTES:
                frame = file.read(FRAME_HEADER_BYTES)
                if not _is_of(header, frame):
                    break
                frames, end = frames + 1, end + FRAME_HEADER_BYTES + page_bytes
                torn = size < end and size != end - page_bytes and size % KERNEL_PAGE_BYTES != 0
                sure = frames if torn else ended
                ended = frames if frame[COMMIT] != bytes(4) else ended
                file.seek(end)
    except FileNotFoundError:
        return Tail(0)
    return Tail(frames, sure, anew=not frames and size > HEADER_BYTES + page_bytes)


def _is_of(header: bytes, frame: bytes) -> bool:
    """Whether a frame was begun in the log's present generation; a header cut short bears what it bears."""
    salt = header[16:24]
    return bool(frame) and salt.startswith(frame[SALT])


def lost(tail: Tail, connection: sqlite3.Connection) -> str | None:
    """What is wrong with the log of a journal that was not closed; None: SQLite has read all of it.

    Such a journal has at least one frame, written when it was opened, or its log was just begun anew.
    """
    if tail.anew:
        return None
    if not tail.frames:
        return "its write-ahead log is gone"
    _, read, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if read < tail.sure:
        return f"its write-ahead log can be read up to frame {read} of {tail.sure}"
    return None
