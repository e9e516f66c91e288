"""What time it is, on whose word, and how sure: sources in order of trust, one anchor at a time.

A Pi has no clock that survives a power cut, so each record says what its time was worth. Everything
inside is CLOCK_BOOTTIME; UTC is that plus an offset learned from the best source so far. A jump of
the system's wall clock therefore moves nothing that was anchored elsewhere.
"""

from msgspec import Struct

from wire.limits import MAX_AT_MS
from wire.records import ClockSource

RANK: dict[ClockSource, int] = {"none": 0, "rtc": 1, "gw": 2, "ntp": 3, "gnss": 4}
TRUSTED: tuple[ClockSource, ...] = ("gnss", "ntp", "gw")
BUILT_MS = 1_767_225_600_000
"""2026-01-01: this program is younger, so no clock is believed that says less."""

DRIFT_PPM = 50
"""How fast a Pi's crystal may wander from its anchor: the error bound grows by this."""

STALE_MS = 6 * 3600 * 1000
"""An anchor this old gives way to a fresh one of lower rank."""

LEAP_MS = 3600 * 1000
"""A word this far from a trusted one is not taken at once."""

CONVINCED_MS = 300_000
"""A leap that has held for so long is believed."""

FLOOR_SLACK_MS = 10_000
"""The kept time and a fresh word may each be off by their error bounds."""

AGREE_MS = 5_000
"""Two sources say the same time within this, or within their error bounds."""

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
    """Holds the best anchor. Below `built_ms`, the build's date, no word is ever believed.

    A word that lies before the newest time ever kept, or more than an hour from what a trusted source
    said, is a leap: it is believed when another source says the same, or, of a source that is no less
    trusted, when it has held for five minutes. So neither one fix from the future nor a clock set back
    moves anything, and a wrong time that was kept once does not bar the right one for ever.
    """

    def __init__(self, built_ms: int) -> None:
        self._built_ms = self._floor_ms = built_ms
        self._anchor: Anchor | None = None
        self._words: dict[ClockSource, Anchor] = {}
        self._doubts: dict[ClockSource, Anchor] = {}

    @property
    def source(self) -> ClockSource:
        return self._anchor.source if self._anchor else "none"

    @property
    def floor_ms(self) -> int:
        """The newest UTC ms kept by the runs before, at least the build's date: it is later than that now."""
        return self._floor_ms

    def remember(self, floor_ms: int, anchor: Anchor | None) -> None:
        """What the runs before knew: the newest time, and, of this boot, by which anchor."""
        self._floor_ms = max(self._built_ms, floor_ms)
        self._anchor = anchor

    def learn(self, heard: Anchor) -> bool:
        """Weighs a source's word. True when trust was gained: a `clock` record is due."""
        if not self._built_ms <= heard.utc_ms <= MAX_AT_MS:
            return False
        self._words[heard.source] = heard
        if not self._is_leap(heard):
            self._doubts.pop(heard.source, None)
            return self._weigh(heard)
        if not self._is_convincing(heard):
            return False
        self._doubts.clear()
        self._floor_ms = min(self._floor_ms, heard.utc_ms)
        self._anchor = heard
        return True

    def off_ms(self, heard: Anchor) -> int:
        """By how much a word contradicts what is believed, beyond both error bounds; 0: it does not."""
        held = self._anchor
        if held is None:
            return min(0, heard.utc_ms - self._floor_ms + FLOOR_SLACK_MS)
        off_ms = heard.utc_ms - self._utc_ms(held, heard.up_ms)
        return off_ms if abs(off_ms) > self._allowed_ms(heard, held) else 0

    def _weigh(self, heard: Anchor) -> bool:
        held = self._anchor
        if held is None or RANK[heard.source] > RANK[held.source]:
            self._anchor = heard
            return True
        stale = heard.up_ms - held.up_ms > STALE_MS
        if RANK[heard.source] < RANK[held.source] and not stale:
            return False
        stepped = self.off_ms(heard) != 0
        if stepped or stale or self._closer(heard, held):
            self._anchor = heard
        return stepped or heard.source != held.source

    def _is_leap(self, heard: Anchor) -> bool:
        if heard.utc_ms < self._floor_ms - FLOOR_SLACK_MS:
            return True
        held = self._anchor
        if held is None or held.source == "rtc":
            return False
        return abs(heard.utc_ms - self._utc_ms(held, heard.up_ms)) > LEAP_MS

    def _is_convincing(self, heard: Anchor) -> bool:
        """Whether a leap is to be believed. A battery's clock never is, nor does it bear another out."""
        held = self._anchor
        if heard.source == "rtc":
            return False
        fresh = held is None or heard.up_ms - held.up_ms <= STALE_MS
        if held and fresh and RANK[heard.source] < RANK[held.source]:
            return False
        if any(self._bears_out(word, heard) for word in self._words.values()):
            return True
        first = self._doubts.get(heard.source)
        if first is None or not _agree(first, heard):
            self._doubts[heard.source] = heard
            return False
        lasted = heard.up_ms - first.up_ms >= CONVINCED_MS
        return lasted and (held is None or RANK[heard.source] >= RANK[held.source])

    @staticmethod
    def _bears_out(word: Anchor, heard: Anchor) -> bool:
        """Whether another source said the same within the last hour."""
        if word.source in ("rtc", heard.source) or heard.up_ms - word.up_ms > LEAP_MS:
            return False
        return _agree(word, heard)

    @staticmethod
    def _allowed_ms(heard: Anchor, held: Anchor) -> int:
        return max(STEP_MS, (heard.err_ms or 0) + (_grown(held, heard.up_ms) or 0))

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


def _agree(one: Anchor, other: Anchor) -> bool:
    off_ms = abs((one.utc_ms - one.up_ms) - (other.utc_ms - other.up_ms))
    return off_ms <= max(AGREE_MS, (one.err_ms or 0) + (other.err_ms or 0))
