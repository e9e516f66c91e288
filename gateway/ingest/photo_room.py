"""How much of the disk photos may take: records come first, and no unit takes the room of the others.

A stolen box can announce more photos than any disk holds. While there is plenty of room nobody is counted; when
it grows scarce, those who have far more than the others wait, and the others' evidence goes on.
"""

import errno
import shutil
from pathlib import Path

import sqlalchemy as sa

from gateway.store.open import Store
from gateway.store.schema import photo_files, photos

SPARED_BYTES, SPARED_SHARE = 2**30, 0.05
"""Of the disk, photos leave so much free, whichever is less: records must have room."""

SCARCE_BYTES, SCARCE_SHARE = 16 * 2**30, 0.25
"""With less than this free, whichever is less, units are counted."""

FAR_MORE, MODEST_BYTES = 8, 2**28
"""A unit waits that has over so many times what the others have on average, and more than a modest amount."""

COUNT_MS = 60_000


class PhotoRoom:
    """The room in the photos' `folder`, as one worker sees it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._counted_ms = -COUNT_MS
        self._kept: dict[str, int] = {}

    def check(self, unit: str, now_ms: int) -> None:
        """Raises OSError (ENOSPC) where bytes of a photo of `unit` may not be taken now, and why."""
        if not self._folder.is_dir():
            return
        disk = shutil.disk_usage(self._folder)
        if disk.free < min(SPARED_BYTES, disk.total * SPARED_SHARE):
            raise OSError(errno.ENOSPC, "what is left of the disk is spared for records")
        if disk.free < min(SCARCE_BYTES, disk.total * SCARCE_SHARE):
            self._check_share(unit, now_ms)

    def _check_share(self, unit: str, now_ms: int) -> None:
        if abs(now_ms - self._counted_ms) >= COUNT_MS:
            self._kept, self._counted_ms = self._count(), now_ms
        others = [size for other, size in self._kept.items() if other != unit]
        held = self._kept.get(unit, 0) + self._unfinished(unit)
        if others and held > max(MODEST_BYTES, FAR_MORE * sum(others) / len(others)):
            why = f"room is scarce, and {unit} has {held >> 20} MiB, far more than other units"
            raise OSError(errno.ENOSPC, why)

    def _count(self) -> dict[str, int]:
        """Bytes that are kept of each unit's photos."""
        here = photos.join(photo_files, photos.c.sha256 == photo_files.c.sha256)
        query = sa.select(photos.c.unit, sa.func.sum(photo_files.c.bytes)).select_from(here)
        query = query.where(photo_files.c.removed_ms.is_(None)).group_by(photos.c.unit)
        with self._store.reading() as connection:
            return {unit: int(size) for unit, size in connection.execute(query)}

    def _unfinished(self, unit: str) -> int:
        """Bytes of those that are not whole yet."""
        parts = (self._folder / "parts" / unit).glob("*.part")
        return sum(path.stat().st_size for path in parts)
