"""Writes the head of every record: which boot, when by which clock, and where."""

from typing import Any, TypeVar

from device.core.clock import ClockKeeper
from device.core.picture import Picture
from wire.records import Position, Record, Track

R = TypeVar("R", bound=Record)


class Scribe:
    """Makes records; all of one unit's come from here, so that none lacks its head."""

    def __init__(self, boot: str, clock: ClockKeeper, picture: Picture) -> None:
        self._boot, self._clock, self._picture = boot, clock, picture

    def write(self, kind: type[R], up_ms: int, **fields: Any) -> R:
        """A record of `kind` about the moment `up_ms`. A track's fixes say where it was."""
        stamp = self._clock.stamp(up_ms)
        return kind(
            boot=self._boot,
            up_ms=up_ms,
            at_ms=stamp.at_ms,
            clock=stamp.clock,
            clock_err_ms=stamp.clock_err_ms,
            pos=None if kind is Track else self._position(up_ms),
            **fields,
        )

    def _position(self, up_ms: int) -> Position | None:
        fix = self._picture.latest(up_ms)
        if fix is None:
            return None
        age_ms = max(0, up_ms - fix.up_ms)
        hacc_m = None if fix.hacc_m is None else round(fix.hacc_m, 1)
        return Position(round(fix.lat, 7), round(fix.lon, 7), hacc_m, age_ms)
