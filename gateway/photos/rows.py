"""The units' photos for people and scripts: each with its record, how far it has come, and its file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.lookup import Wanted, found_records
from gateway.photos.files import part, whole
from gateway.photos.holds import held_by
from gateway.store.open import Store
from gateway.store.schema import photo_files
from wire.batch import decode_record
from wire.records import Photo
from wire.topics import GATEWAY


def photo_rows(store: Store, folder: Path, unit: str | None = None) -> Iterator[dict[str, Any]]:
    """One object per unit and photo, in the order of commits. `state`: `announced` (nothing came yet),
    `receiving`, `kept`, `removed` (by the site's policy), or `lost` (the unit says that it will never come).
    `file` None but for `kept`; `held`: for which incidents.
    """
    found = list(_photos(store, unit))
    lost = {(row["unit"], photo.sha256): photo.lost for row, photo in found if photo.lost}
    removed, held = _removed(store), held_by(store)
    seen: set[tuple[str, str]] = set()
    for row, photo in found:
        key = row["unit"], photo.sha256
        if key in seen:
            continue
        seen.add(key)
        gone = {"removed": removed.get(photo.sha256), "lost": lost.get(key)}
        yield _row(row, photo, gone, held.get(photo.sha256, []), folder)


def _photos(store: Store, unit: str | None) -> Iterator[tuple[dict[str, Any], Photo]]:
    for row in found_records(store, Wanted(unit=unit, kind="photo")):
        if isinstance(row["record"], msgspec.Raw) and row["unit"] != GATEWAY:
            record = decode_record(bytes(row["record"]))
            if isinstance(record, Photo):
                yield row, record


def _removed(store: Store) -> dict[str, str]:
    query = sa.select(photo_files.c.sha256, photo_files.c.why)
    with store.reading() as connection:
        rows = connection.execute(query.where(photo_files.c.removed_ms.is_not(None)))
        return {row.sha256: row.why for row in rows}


def _row(
    row: dict[str, Any], photo: Photo, gone: dict[str, str | None], held: list[str], folder: Path
) -> dict[str, Any]:
    state, received, file = _file(folder, row["unit"], photo, gone)
    ref, why = photo.ref, gone.get(state)
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
        **({"why": why} if why else {}),
        **({"held": held} if held else {}),
        "record": row["record"],
    }


def _file(
    folder: Path, unit: str, photo: Photo, gone: dict[str, str | None]
) -> tuple[str, int, str | None]:
    """State, bytes received, and the file's path once it is whole."""
    path = whole(folder, photo.sha256)
    for state, why in gone.items():
        if why and (state == "removed" or not path.exists()):
            return state, _size(part(folder, unit, photo.sha256)), None
    if path.exists():
        return "kept", photo.bytes, str(path)
    received = _size(part(folder, unit, photo.sha256))
    return ("receiving" if received else "announced"), received, None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
