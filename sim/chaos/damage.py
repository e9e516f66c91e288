"""What a dying card does to a journal that nobody has open: pages torn, the write-ahead log cut or gone."""

import random
from pathlib import Path

NEWEST_PAGES = 6
PAGE_BYTES = 4096
FRAME_BYTES = 24 + PAGE_BYTES
WAL_HEADER_BYTES = 32


def wal_of(journal: Path) -> Path:
    """The write-ahead log beside a journal."""
    return journal.with_name(f"{journal.name}-wal")


def tear_page(journal: Path, dice: random.Random) -> None:
    """One of the file's newest pages was written by half: the rest is zeros."""
    pages = journal.stat().st_size // PAGE_BYTES
    page = max(1, pages - 1 - dice.randrange(NEWEST_PAGES))
    with journal.open("r+b") as file:
        file.seek(page * PAGE_BYTES + PAGE_BYTES // 2)
        file.write(bytes(PAGE_BYTES // 2))


def tear_wal(journal: Path, dice: random.Random) -> None:
    """The log's end did not reach the card, nor the whole of the frame before it."""
    wal = wal_of(journal)
    if not wal.exists():
        return
    kept = max(0, live_frames(wal.read_bytes()) - 1 - dice.randrange(12))
    with wal.open("r+b") as file:
        file.truncate(WAL_HEADER_BYTES + kept * FRAME_BYTES + dice.randrange(24, FRAME_BYTES))


def live_frames(wal: bytes) -> int:
    """How many frames of a log are of its present generation (salt); older ones may lie behind them.

    Source: SQLite's file format, section 4.1.
    """
    salt, count = wal[16:24], 0
    for at in range(WAL_HEADER_BYTES, len(wal) - FRAME_BYTES + 1, FRAME_BYTES):
        if wal[at + 8 : at + 16] != salt:
            break
        count += 1
    return count


def lose_wal(journal: Path) -> None:
    """The log is gone."""
    for suffix in ("-wal", "-shm"):
        journal.with_name(f"{journal.name}{suffix}").unlink(missing_ok=True)
