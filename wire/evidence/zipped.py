"""A bundle's zip read with distrust: nothing is written to disk, and nothing is read beyond what was declared."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO

from wire.evidence.bundle import MAX_LINE_BYTES, MAX_PARTS, BadBundle

CHUNK = 256 * 1024
RATIO, ROOM_BYTES = 100, 16 * 1024 * 1024
"""A bundle's content may be so many times its file, and this much more: records deflate to a tenth at best."""

TAKEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    OverflowError,
)
"""What zipfile raises for a file that is no sound zip; it documents the first alone."""


class ZippedParts:
    """The parts of a zip by their names."""

    def __init__(self, path: Path) -> None:
        """Raises `BadBundle`."""
        try:
            self._zip = zipfile.ZipFile(path)
            size = path.stat().st_size
        except UNREADABLE as exc:
            raise BadBundle(f"it is no whole zip file: {exc}") from exc
        try:
            self._check(size)
        except BadBundle:
            self._zip.close()
            raise
        self.sizes = {one.filename: one.file_size for one in self._zip.infolist()}

    def _check(self, size: int) -> None:
        entries = self._zip.infolist()
        if len(entries) > MAX_PARTS:
            raise BadBundle(f"{len(entries)} parts, more than {MAX_PARTS}")
        name, times = next(iter(Counter(one.filename for one in entries).most_common(1)), ("", 0))
        if times > 1:
            raise BadBundle(f"part {name!r} is in it {times} times")
        if sum(one.file_size for one in entries) > RATIO * size + ROOM_BYTES:
            raise BadBundle(f"it would unfold to more than {RATIO} times its size")
        for one in entries:
            if one.compress_type not in TAKEN or one.flag_bits & ENCRYPTED:
                raise BadBundle(f"part {one.filename!r} is encrypted, or packed in an unusual way")

    def __enter__(self) -> "ZippedParts":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def read(self, name: str, most: int) -> bytes:
        """A part's bytes, `most` at the most. Raises `BadBundle`."""
        if name not in self.sizes:
            raise BadBundle(f"part {name} is missing")
        if self.sizes[name] > most:
            raise BadBundle(f"part {name} has {self.sizes[name]} bytes, more than {most}")
        with self._opened(name) as file:
            return file.read(most + 1)

    def digest(self, name: str) -> str:
        """A part's SHA-256. Raises `BadBundle`."""
        found = sha256()
        with self._opened(name) as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
        return found.hexdigest()

    def lines(self, name: str) -> Iterator[bytes]:
        """A part's lines. Raises `BadBundle`."""
        if name not in self.sizes:
            raise BadBundle(f"part {name} is missing")
        with self._opened(name) as file:
            while line := file.readline(MAX_LINE_BYTES):
                if len(line) == MAX_LINE_BYTES:
                    raise BadBundle(f"a line of part {name} is longer than {MAX_LINE_BYTES} bytes")
                yield line

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(name) as file:
                yield file
        except BadBundle:
            raise
        except UNREADABLE as exc:
            raise BadBundle(f"part {name} cannot be read: {exc}") from exc
