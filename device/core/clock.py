"""What time it is, on whose word, and how sure: sources in order of trust, one anchor at a time.

A Pi has no clock that survives a power cut, so each record says what its time was worth. Everything
inside is CLOCK_BOOTTIME; UTC is that plus an offset learned from the best source so far. A jump of
the system's wall clock therefore moves nothing that was anchored elsewhere.
"""

from msgspec import Struct

from wire.records import ClockSource

RANK: dict[ClockSource, int] = {"none": 0, "rtc": 1, "gw": 2, "ntp": 3, "gnss": 4}
DRIFT_PPM = 50
"""How fast a Pi's crystal may wander from its anchor: the error bound grows by this."""

STALE_MS = 6 * 3600 * 1000
"""An anchor this old gives way to a fresh one of lower rank."""

STEP_MS = 1500
"""A fresh word of the same source that differs by more than this, and by more than both their error
bounds, is recorded as a new anchor."""


class Stamp(Struct, frozen=True):
    """UTC ms (None if unknown), the source, and its error bound in ms (None if unknown)."""

    at_ms: int | None
    clock: ClockSource
    clock_err_ms: int | None


class Anchor(Struct, frozen=True):
    """At CLOCK_BOOTTIME `up_ms` it was `utc_ms`, within `err_ms` (None: unknown), says `source`."""

    up_ms: int
    utc_ms: int
    source: ClockSource
    err_ms: int | None


class ClockKeeper:
    """Holds the best anchor; `floor_ms` is a UTC before which no word is believed (the build's date)."""

    def __init__(self, floor_ms: int) -> None:
        self._floor_ms = floor_ms
        self._anchor: Anchor | None = None

    @property
    def source(self) -> ClockSource:
        return self._anchor.source if self._anchor else "none"

    def learn(self, heard: Anchor) -> bool:
        """Weighs a source's word. True when trust was gained: a `clock` record is due."""
        if heard.utc_ms < self._floor_ms:
            return False
        held = self._anchor
        if held is None or RANK[heard.source] > RANK[held.source]:
            self._anchor = heard
            return True
        stale = heard.up_ms - held.up_ms > STALE_MS
        if RANK[heard.source] < RANK[held.source] and not stale:
            return False
        off_ms = abs(heard.utc_ms - self._utc_ms(held, heard.up_ms))
        stepped = off_ms > max(STEP_MS, (heard.err_ms or 0) + (_grown(held, heard.up_ms) or 0))
        if stepped or stale or self._closer(heard, held):
            self._anchor = heard
        return stepped or heard.source != held.source

    def stamp(self, up_ms: int) -> Stamp:
        """What to write on a record of the moment `up_ms`."""
        held = self._anchor
        if held is None:
            return Stamp(None, "none", None)
        return Stamp(self._utc_ms(held, up_ms), held.source, _grown(held, up_ms))

    @staticmethod
    def _utc_ms(anchor: Anchor, up_ms: int) -> int:
        return max(0, anchor.utc_ms + up_ms - anchor.up_ms)

    @staticmethod
    def _closer(heard: Anchor, held: Anchor) -> bool:
        grown = _grown(held, heard.up_ms)
        return heard.err_ms is not None and (grown is None or heard.err_ms < grown)


def _grown(anchor: Anchor, up_ms: int) -> int | None:
    if anchor.err_ms is None:
        return None
    return anchor.err_ms + abs(up_ms - anchor.up_ms) * DRIFT_PPM // 1_000_000
