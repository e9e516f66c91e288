"""The desk of time: weighs what the receiver, the system and the gateway say of it."""

from collections.abc import Mapping

from device.core.clock import Anchor, ClockKeeper
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep
from device.core.events import Fix, TimeHeard
from device.core.moment import Now
from device.core.scribe import Scribe
from wire.records import Clock

GNSS_ERR_MS = 300
"""A sentence leaves the receiver up to this long after the second it speaks of."""

AGREE_MS = 1_500


class Timekeeper(Desk):
    """Writes a `clock` record at each gain of trust."""

    def __init__(self, clock: ClockKeeper, scribe: Scribe) -> None:
        self._clock, self._scribe = clock, scribe
        self._gnss_offset_ms: int | None = None

    def handlers(self) -> Mapping[type, Handler]:
        return {Fix: self._fix, TimeHeard: self._heard}

    def _fix(self, fix: Fix, now: Now) -> list[Effect]:
        del now
        anchor = self._anchor(fix)
        return self.learn(anchor) if anchor else []

    def _anchor(self, fix: Fix) -> Anchor | None:
        """The receiver's time as a clock's word, once two fixes running agree on it; else None."""
        if not fix.clock_ok or fix.utc_ms is None:
            return None
        offset_ms = fix.utc_ms - fix.up_ms
        before, self._gnss_offset_ms = self._gnss_offset_ms, offset_ms
        if before is None or abs(offset_ms - before) > AGREE_MS:
            return None
        return Anchor(fix.up_ms, fix.utc_ms, "gnss", GNSS_ERR_MS)

    def _heard(self, heard: TimeHeard, now: Now) -> list[Effect]:
        del now
        return self.learn(Anchor(heard.up_ms, heard.utc_ms, heard.source, heard.err_ms))

    def utc_ms(self, now: Now) -> int:
        """The best word on the present UTC: the system's own where nothing better is known."""
        at_ms = self._clock.stamp(now.up_ms).at_ms
        return now.wall_ms if at_ms is None else at_ms

    def learn(self, anchor: Anchor) -> list[Effect]:
        """Weighs a word of any source; a record of it, where trust was gained."""
        if not self._clock.learn(anchor) or anchor.err_ms is None:
            return []
        record = self._scribe.write(
            Clock,
            anchor.up_ms,
            utc_ms=anchor.utc_ms,
            source=anchor.source,
            err_ms=anchor.err_ms,
        )
        return [Keep(record)]
