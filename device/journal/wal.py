"""Whether SQLite's write-ahead log still had its end when it was found: a card may lose what was fsynced.

SQLite passes over a log that is missing, and over whatever follows the last frame that is whole, without a
word: records that were told of would be gone, and their numbers given again. Source: SQLite's file format,
section 4.
"""

import sqlite3
from pathlib import Path

from msgspec import Struct

HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
SALT = slice(8, 16)


class Tail(Struct, frozen=True):
    """A log before SQLite has opened it: `frames` begun in its present generation; 0: no log, or an empty one."""

    frames: int


def tail_of(journal: Path) -> Tail:
    """Looks at the log beside `journal`; older frames may lie behind the present ones. Raises OSError."""
    path = journal.with_name(f"{journal.name}-wal")
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
            frame_bytes = FRAME_HEADER_BYTES + int.from_bytes(header[8:12])
            frames = 0
            while len(header) == HEADER_BYTES and _is_of(header, file.read(FRAME_HEADER_BYTES)):
                frames += 1
                file.seek(HEADER_BYTES + frames * frame_bytes)
    except FileNotFoundError:
        return Tail(0)
    return Tail(frames)


def _is_of(header: bytes, frame: bytes) -> bool:
    """Whether a frame was begun in the log's present generation; a header cut short bears what it bears."""
    salt = header[16:24]
    return bool(frame) and salt.startswith(frame[SALT])


def lost(tail: Tail, connection: sqlite3.Connection) -> str | None:
    """What is wrong with the log of a journal that was not closed; None: SQLite has read all of it.

    Such a journal has at least one frame, written when it was opened.
    """
    if not tail.frames:
        return "its write-ahead log is gone"
    _, read, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if read < tail.frames:
        return f"its write-ahead log can be read up to frame {read} of {tail.frames}"
    return None
