"""The units' photos for people and scripts: each with its record, how far it has come, and its file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.ingest.photos import part, whole
from gateway.lookup import Wanted, found_records
from gateway.store.open import Store
from wire.batch import decode_record
from wire.records import Photo


def photo_rows(store: Store, folder: Path, unit: str | None = None) -> Iterator[dict[str, Any]]:
    """One object per photo, in the order of commits. `state`: `announced` (nothing came yet), `receiving`,
    `kept`, or `lost` (the unit says that it will never come). `file` None but for `kept`.
    """
    found = list(_photos(store, unit))
    lost = {(row["unit"], photo.sha256): photo.lost for row, photo in found if photo.lost}
    seen: set[tuple[str, str]] = set()
    for row, photo in found:
        key = row["unit"], photo.sha256
        if key not in seen:
            seen.add(key)
            yield _row(row, photo, lost.get(key), folder / row["unit"])


def _photos(store: Store, unit: str | None) -> Iterator[tuple[dict[str, Any], Photo]]:
    for row in found_records(store, Wanted(unit=unit, kind="photo")):
        if isinstance(row["record"], msgspec.Raw):
            record = decode_record(bytes(row["record"]))
            if isinstance(record, Photo):
                yield row, record


def _row(row: dict[str, Any], photo: Photo, lost: str | None, folder: Path) -> dict[str, Any]:
    state, received, file = _file(folder, photo, lost)
    ref = photo.ref
    return {
        "unit": row["unit"],
        "time": row["time"],
        "reason": photo.reason,
        "state": state,
        "received": received,
        "bytes": photo.bytes,
        "size": f"{photo.width}x{photo.height}",
        "sha256": photo.sha256,
        "id": row["id"],
        "ref": f"{row['unit']}/{ref.stream}/{ref.log}/{ref.seq}" if ref else None,
        "file": file,
        **({"why": lost} if lost else {}),
        "record": row["record"],
    }


def _file(folder: Path, photo: Photo, lost: str | None) -> tuple[str, int, str | None]:
    """State, bytes received, and the file's path once it is whole."""
    path = whole(folder, photo.sha256)
    if path.exists():
        return "kept", photo.bytes, str(path)
    received = _size(part(folder, photo.sha256))
    if lost:
        return "lost", received, None
    return ("receiving" if received else "announced"), received, None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
