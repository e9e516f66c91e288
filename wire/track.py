"""Folds fixes into a segment's columns and back: first value, then differences."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from wire.limits import MAX_AT_MS
from wire.records import Track


class TrackFix(Struct, frozen=True, omit_defaults=True):
    """One fix of a track: UTC ms (None where the unit had no clock), CLOCK_BOOTTIME ms, WGS-84.

    Speed in m/s, course in degrees, accuracy in metres, satellites used: None where not given.
    """

    at_ms: int | None
    up_ms: int
    lat: float
    lon: float
    speed_m_s: float | None = None
    course_deg: float | None = None
    hacc_m: float | None = None
    sats: int | None = None


class BadTrack(ValueError):
    """A segment whose columns do not belong together; the text says how."""


def columns(fixes: Sequence[TrackFix]) -> dict[str, Any]:
    """The columns of `wire.records.Track` for 1 to 60 fixes, in order of their `up_ms`.

    The time differences are those of UTC where every fix has it: a receiver's time is exact, the
    moment at which its sentence came through the serial port is not.
    """
    at_ms = [fix.at_ms for fix in fixes if fix.at_ms is not None]
    times_ms = at_ms if len(at_ms) == len(fixes) else [fix.up_ms for fix in fixes]
    return {
        "dt_ms": _fold([time_ms - times_ms[0] for time_ms in times_ms]),
        "lat_e7": _fold([round(fix.lat * 1e7) for fix in fixes]),
        "lon_e7": _fold([round(fix.lon * 1e7) for fix in fixes]),
        "speed_cm_s": _fold_optional(_scaled((fix.speed_m_s for fix in fixes), 100)),
        "course_ddeg": _fold_optional(_scaled((fix.course_deg for fix in fixes), 10)),
        "hacc_dm": _fold_optional(_scaled((fix.hacc_m for fix in fixes), 10)),
        "sats": _fold_optional([fix.sats for fix in fixes]),
    }


def unfold(track: Track) -> Iterator[TrackFix]:
    """The fixes of a segment. Raises `BadTrack` if its columns differ in length, or leave the Earth or our time."""
    count = len(track.dt_ms)
    lengths = [len(column) for column in (track.lat_e7, track.lon_e7)]
    lengths += [len(column) or count for column in _optional(track)]
    if any(length != count for length in lengths):
        raise BadTrack(f"columns differ in length: {[count, *lengths]}")
    lat_e7, lon_e7, offset_ms = _unfold(track.lat_e7), _unfold(track.lon_e7), _unfold(track.dt_ms)
    start_ms = track.up0_ms if track.t0_ms is None else track.t0_ms
    if not all(0 <= start_ms + ms <= MAX_AT_MS and track.up0_ms + ms >= 0 for ms in offset_ms):
        raise BadTrack("a time is before 1970 or after 2100")
    if not all(abs(lat) <= 900_000_000 for lat in lat_e7):
        raise BadTrack("a latitude is beyond 90 degrees")
    if not all(abs(lon) <= 1_800_000_000 for lon in lon_e7):
        raise BadTrack("a longitude is beyond 180 degrees")
    speed, course, hacc, sats = (
        _unfold_optional(column or [None] * count) for column in _optional(track)
    )
    for i in range(count):
        yield TrackFix(
            at_ms=None if track.t0_ms is None else track.t0_ms + offset_ms[i],
            up_ms=track.up0_ms + offset_ms[i],
            lat=lat_e7[i] / 1e7,
            lon=lon_e7[i] / 1e7,
            speed_m_s=_divided(speed[i], 100),
            course_deg=_divided(course[i], 10),
            hacc_m=_divided(hacc[i], 10),
            sats=sats[i],
        )


def _optional(track: Track) -> tuple[list[int | None], ...]:
    """The columns that a receiver may leave out."""
    return track.speed_cm_s, track.course_ddeg, track.hacc_dm, track.sats


def _scaled(values: Iterable[float | None], by: int) -> list[int | None]:
    return [None if value is None else round(value * by) for value in values]


def _divided(value: int | None, by: int) -> float | None:
    return None if value is None else value / by


def _fold(values: list[int]) -> list[int]:
    return [values[0], *(b - a for a, b in pairwise(values))]


def _unfold(column: list[int]) -> list[int]:
    values, total = [], 0
    for step in column:
        total += step
        values.append(total)
    return values


def _fold_optional(values: list[int | None]) -> list[int | None]:
    """Empty where there is no value at all: nothing is written of it then."""
    if all(value is None for value in values):
        return []
    folded: list[int | None] = []
    before = 0
    for value in values:
        folded.append(None if value is None else value - before)
        before = before if value is None else value
    return folded


def _unfold_optional(column: list[int | None]) -> list[int | None]:
    values: list[int | None] = []
    total = 0
    for step in column:
        total += step or 0
        values.append(None if step is None else total)
    return values
