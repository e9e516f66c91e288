"""Thins positions that are to take less room: every other fix goes, corners stay. Pure.

No fix goes whose place the fixes that stay do not tell: between its neighbours, driven at an even pace, it
lies within `tolerance_m`. That is a bound on the error in place and time, not in shape alone. The tolerance
doubles from one thinning to the next, so all thinnings together stay below twice the last one's.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import cos, hypot, radians

from msgspec import Struct
from msgspec.structs import replace

from device.core.track import EARTH_M_PER_DEG
from wire.limits import MAX_FIXES
from wire.records import Replaces, Track
from wire.track import TrackFix, columns, unfold

MOST = 16
"""What is left of a track that was thinned so often (one fix in 16) is not thinned any more."""

TOLERANCE_M = 5.0


def tolerance_m(every: int) -> float:
    """How far from its place a fix may be told once one in `every` is left: 10 m at every second, then double."""
    return TOLERANCE_M * every


def every_of(track: Track) -> int:
    """One in how many of the fixes once kept is left in `track`: 1 as it was recorded."""
    return track.replaces.every if track.replaces else 1


def thinned(fixes: Sequence[TrackFix], within_m: float) -> list[TrackFix]:
    """Every second of `fixes`, the last, and those that their neighbours tell wrongly by more than `within_m`."""
    last = len(fixes) - 1
    return [
        fix
        for i, fix in enumerate(fixes)
        if i % 2 == 0 or i == last or astray_m(fixes[i - 1], fix, fixes[i + 1]) > within_m
    ]


def astray_m(a: TrackFix, fix: TrackFix, b: TrackFix) -> float:
    """Metres from `fix` to where an even drive from `a` to `b` would have been at its time."""
    share = (fix.up_ms - a.up_ms) / max(1, b.up_ms - a.up_ms)
    lon_span = (b.lon - a.lon + 180) % 360 - 180
    north = fix.lat - (a.lat + share * (b.lat - a.lat))
    east = (fix.lon - (a.lon + share * lon_span) + 180) % 360 - 180
    return EARTH_M_PER_DEG * hypot(north, east * cos(radians(fix.lat)))


class Source(Struct, frozen=True):
    """A track record as it stands in its log."""

    seq: int
    track: Track


def thinned_records(log: str, sources: Sequence[Source]) -> list[Track]:
    """What stands for consecutive records of `log`. Raises `wire.track.BadTrack` for columns that do not fit."""
    return [new for group in _groups(sources) for new in _merged(log, group)]


def _groups(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Runs of records whose fixes may stand in one segment."""
    group: list[Source] = []
    for source in sources:
        if group and not _joins(group[-1].track, source.track):
            yield group
            group = []
        group.append(source)
    if group:
        yield group


def _joins(a: Track, b: Track) -> bool:
    if (a.boot, a.clock, every_of(a)) != (b.boot, b.clock, every_of(b)):
        return False
    if b.up0_ms <= a.up0_ms + sum(a.dt_ms):
        return False
    if a.t0_ms is None or b.t0_ms is None:
        return a.t0_ms is b.t0_ms
    return b.t0_ms > a.t0_ms + sum(a.dt_ms)


def _merged(log: str, group: Sequence[Source]) -> Iterator[Track]:
    every = 2 * every_of(group[0].track)
    fixes = [fix for source in group for fix in unfold(source.track)]
    left = thinned(fixes, tolerance_m(every))
    names = Replaces(log, group[0].seq, group[-1].seq, every)
    for i in range(0, len(left), MAX_FIXES):
        part = left[i : i + MAX_FIXES]
        yield replace(
            group[-1].track,
            t0_ms=part[0].at_ms,
            up0_ms=part[0].up_ms,
            replaces=names,
            **columns(part),
        )


def span_ms(tracks: Iterable[Track]) -> tuple[int | None, int | None]:
    """UTC of the first and the last fix, as far as any is dated."""
    dated = [(t.t0_ms, t.t0_ms + sum(t.dt_ms)) for t in tracks if t.t0_ms is not None]
    if not dated:
        return None, None
    return min(first for first, _ in dated), max(last for _, last in dated)
