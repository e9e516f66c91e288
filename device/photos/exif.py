"""What a photo's file says of itself (EXIF 2.32, JEITA CP-3451): whose it is, when and where by its record.

Times and position are the record's, never the camera's or the local clock's; what the record does not know
is left out. `ImageDescription` names the record; `UserComment` holds the same as JSON.
"""

import struct
from datetime import UTC, datetime
from fractions import Fraction
from io import BytesIO
from typing import Any

import msgspec
import piexif
from piexif import GPSIFD, ExifIFD, ImageIFD

from hardware.camera.jpeg import START
from wire.records import Position, Record, Ref

COMMENT = b"ASCII\0\0\0"
"""The character code that a UserComment begins with."""

UNREADABLE = (piexif.InvalidImageDataError, ValueError, LookupError, TypeError, struct.error)
"""What piexif and msgspec raise for a file that has rotted."""


class About(msgspec.Struct, frozen=True):
    """Which record a photo was taken for; `ref` None where that is not known any more."""

    unit: str
    reason: str
    ref: Ref | None


def identity(about: About) -> str:
    """`<unit>/<stream>/<log>/<seq>`, as the record is called at the gateway and the platform."""
    ref = about.ref
    return f"{about.unit}/{ref.stream}/{ref.log}/{ref.seq}" if ref else about.unit


def stamp(
    jpeg: bytes,
    about: About,
    record: Record,
    exposure_us: int | None = None,
    iso: int | None = None,
) -> bytes:
    """`jpeg` with this and no other EXIF. Raises ValueError for bytes that are no JPEG."""
    zeroth = {
        ImageIFD.ImageDescription: identity(about),
        ImageIFD.HostComputer: about.unit,
        ImageIFD.Software: "xunkong",
    }
    comment = COMMENT + msgspec.json.encode(about)
    exif: dict[int, Any] = {ExifIFD.ExifVersion: b"0232", ExifIFD.UserComment: comment}
    if exposure_us:
        exif[ExifIFD.ExposureTime] = (exposure_us, 1_000_000)
    if iso:
        exif[ExifIFD.ISOSpeedRatings] = iso
    if record.at_ms is not None:
        zeroth.update(_times(record.at_ms, ImageIFD.DateTime))
        exif.update(_exif_times(record.at_ms))
    gps = _gps(record.pos, record.at_ms) if record.pos else {}
    into = BytesIO()
    if not jpeg.startswith(START):
        raise ValueError("no JPEG to stamp")
    try:
        piexif.insert(piexif.dump({"0th": zeroth, "Exif": exif, "GPS": gps}), jpeg, into)
    except UNREADABLE as exc:
        raise ValueError("no JPEG to stamp") from exc
    return into.getvalue()


def about(jpeg: bytes) -> About | None:
    """Which record `jpeg` was taken for, None where it does not say."""
    if not jpeg.startswith(START):
        return None  # piexif would take it for a file's name
    try:
        comment = piexif.load(jpeg)["Exif"][ExifIFD.UserComment]
        return msgspec.json.decode(comment.removeprefix(COMMENT), type=About)
    except UNREADABLE:
        return None


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _times(at_ms: int, tag: int) -> dict[int, str]:
    return {tag: f"{_utc(at_ms):%Y:%m:%d %H:%M:%S}"}


def _exif_times(at_ms: int) -> dict[int, str]:
    return {
        **_times(at_ms, ExifIFD.DateTimeOriginal),
        **_times(at_ms, ExifIFD.DateTimeDigitized),
        **dict.fromkeys(
            (ExifIFD.OffsetTime, ExifIFD.OffsetTimeOriginal, ExifIFD.OffsetTimeDigitized), "+00:00"
        ),
        ExifIFD.SubSecTimeOriginal: f"{at_ms % 1000:03d}",
    }


def _gps(pos: Position, at_ms: int | None) -> dict[int, Any]:
    """The position, and when it was measured: the record's time less the fix's age."""
    gps: dict[int, Any] = {
        GPSIFD.GPSVersionID: (2, 3, 0, 0),
        GPSIFD.GPSMapDatum: "WGS-84",
        GPSIFD.GPSLatitudeRef: "N" if pos.lat >= 0 else "S",
        GPSIFD.GPSLatitude: _degrees(pos.lat),
        GPSIFD.GPSLongitudeRef: "E" if pos.lon >= 0 else "W",
        GPSIFD.GPSLongitude: _degrees(pos.lon),
    }
    if pos.hacc_m is not None:
        gps[GPSIFD.GPSHPositioningError] = (round(pos.hacc_m * 100), 100)
    if at_ms is not None:
        fixed = _utc(max(0, at_ms - pos.age_ms))
        gps[GPSIFD.GPSDateStamp] = f"{fixed:%Y:%m:%d}"
        gps[GPSIFD.GPSTimeStamp] = tuple((n, 1) for n in (fixed.hour, fixed.minute, fixed.second))
    return gps


def _degrees(value: float) -> tuple[tuple[int, int], ...]:
    """Degrees, minutes, seconds as rationals; a hundred-thousandth of a second is 0.3 mm."""
    minutes, seconds = divmod(Fraction(round(abs(value) * 3600 * 100_000), 100_000), 60)
    degrees, minutes = divmod(minutes, 60)
    return (int(degrees), 1), (int(minutes), 1), (int(seconds * 100_000), 100_000)
