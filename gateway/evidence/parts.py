"""A part of a bundle that is being written, and its hash beside it."""

import zipfile
from hashlib import sha256

from wire.evidence.bundle import MANIFEST, SIGNATURE, Part

FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""Zip knows no earlier one; when the parts were written says nothing, and the manifest says when it was made."""


class PartWriter:
    """A part that is being written, and its hash beside it. `is_packed`: it would not deflate."""

    def __init__(
        self, into: zipfile.ZipFile, name: str, is_packed: bool, parts: dict[str, Part]
    ) -> None:
        info = zipfile.ZipInfo(name, FIRST_DATE)
        info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        self._file = into.open(info, "w", force_zip64=True)
        self._name, self._parts = name, parts
        self._sha, self._size = sha256(), 0

    def __enter__(self) -> "PartWriter":
        return self

    def write(self, content: bytes) -> None:
        """Adds to it."""
        self._file.write(content)
        self._sha.update(content)
        self._size += len(content)

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._name not in (MANIFEST, SIGNATURE):
            self._parts[self._name] = Part(self._sha.hexdigest(), self._size)
