"""The desk of time: weighs what the receiver, the system and the gateway say of it."""

from collections.abc import Mapping

from msgspec.structs import asdict

from device.core.clock import TRUSTED, Anchor, ClockKeeper
from device.core.desk import Desk, Handler
from device.core.effects import Effect, FeedClock, Keep, Light, Save
from device.core.events import Fix, Kept, TimeHeard
from device.core.kept_time import KeptTime, now_kept
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Identity, Memory
from wire.records import Alarm, Clock, ClockSource

GNSS_ERR_MS = 300
"""A sentence leaves the receiver up to this long after the second it speaks of."""

AGREE_MS = 1_500

HURRIED_MS = 100
"""Fixes that come more than twice as fast as they were made, and by this, were held up: they are late."""

NOTE = "clock"
NOTE_EVERY_MS = 600_000
"""So old may the newest time be that a power cut leaves behind."""

ALARMING: tuple[ClockSource, ...] = ("gnss", "ntp")
"""Whose contradiction is an alarm. An acknowledgement may come late without anything being wrong."""

BEHIND = "system time is before the newest time kept: TLS may fail; allow [clock] set_system"


class Timekeeper(Desk):
    """Writes a `clock` record at each gain of trust, and alarms when two sources contradict each other.

    The source of higher rank wins. What is believed is kept by the records themselves, and by a note
    where there are none for a while.
    """

    def __init__(
        self, identity: Identity, clock: ClockKeeper, scribe: Scribe, picture: Picture, feeds: bool
    ) -> None:
        self._boot, self._feeds = identity.boot, feeds
        self._clock, self._scribe, self._picture = clock, scribe, picture
        self._gnss_offset_ms: int | None = None
        self._gnss_up_ms = 0
        self._fed_s: int | None = None
        self._noted_ms: int | None = None
        self._kept: KeptTime | None = None
        self._unsaved = False
        self._wrong: set[str] = set()

    def handlers(self) -> Mapping[type, Handler]:
        return {Fix: self._fix, TimeHeard: self._heard, Kept: self._was_kept}

    def recall(self, memory: Memory) -> None:
        """An anchor counts in its own boot only; its time bounds every other one from below."""
        kept = self._kept = memory.kept_time
        if kept is None:
            return
        self._clock.remember(kept.floor_ms, kept.anchor if kept.boot == self._boot else None)
        self._unsaved = kept != memory.notes.recall(NOTE, KeptTime)

    def due(self, now: Now) -> list[Effect]:
        return self._note(now) + self._system_behind(now)

    # What is kept

    def _was_kept(self, kept: Kept, now: Now) -> list[Effect]:
        """A record that says the time makes a note of it needless."""
        if kept.durable and kept.record.clock in TRUSTED:
            self._noted_ms = now.up_ms
        return []

    def _note(self, now: Now) -> list[Effect]:
        """At a start what was found, or a long row of boots without the time would wash it away."""
        if self._unsaved and self._kept:
            self._unsaved = False
            return [Save(NOTE, asdict(self._kept))]
        stamp = self._clock.stamp(now.up_ms)
        kept = now_kept(self._boot, now.up_ms, stamp, self._clock.floor_ms)
        if kept is None or self._noted_ms is None:
            self._noted_ms = None if kept is None else now.up_ms
            return []
        if now.up_ms - self._noted_ms < NOTE_EVERY_MS:
            return []
        self._noted_ms = now.up_ms
        return [Save(NOTE, asdict(kept))]

    def _system_behind(self, now: Now) -> list[Effect]:
        behind = self._kept is not None and now.wall_ms < self._clock.floor_ms - AGREE_MS
        return self._alarm("system", BEHIND if behind else None, now.up_ms)

    # Sources

    def _fix(self, fix: Fix, now: Now) -> list[Effect]:
        anchor = self._anchor(fix)
        return [*self.learn(anchor), *self._feed(anchor, now)] if anchor else []

    def _anchor(self, fix: Fix) -> Anchor | None:
        """The receiver's time as a clock's word, once two fixes running agree on it; else None."""
        if not fix.clock_ok or fix.utc_ms is None:
            return None
        offset_ms = fix.utc_ms - fix.up_ms
        before, self._gnss_offset_ms = self._gnss_offset_ms, offset_ms
        before_ms, self._gnss_up_ms = self._gnss_up_ms, fix.up_ms
        if before is None or abs(offset_ms - before) > AGREE_MS:
            return None
        if offset_ms - before > fix.up_ms - before_ms + HURRIED_MS:
            return None
        return Anchor(fix.up_ms, fix.utc_ms, "gnss", GNSS_ERR_MS)

    def _feed(self, anchor: Anchor, now: Now) -> list[Effect]:
        """At most one sample for each second of UTC, and only of a time that is believed here."""
        second = anchor.utc_ms // 1000
        believed = self._clock.source == "gnss" and not self._clock.off_ms(anchor)
        if not self._feeds or not believed or second == self._fed_s:
            return []
        self._fed_s = second
        wall_ms = now.wall_ms - (now.up_ms - anchor.up_ms)
        return [FeedClock(wall_ms, anchor.utc_ms - wall_ms)]

    def _heard(self, heard: TimeHeard, now: Now) -> list[Effect]:
        del now
        return self.learn(Anchor(heard.up_ms, heard.utc_ms, heard.source, heard.err_ms))

    def utc_ms(self, now: Now) -> int:
        """The best word on the present UTC: the system's own where nothing better is known."""
        at_ms = self._clock.stamp(now.up_ms).at_ms
        return now.wall_ms if at_ms is None else at_ms

    def learn(self, anchor: Anchor) -> list[Effect]:
        """Weighs a word of any source; a record of it, where trust was gained."""
        gained = self._clock.learn(anchor)
        effects: list[Effect] = []
        if gained and anchor.err_ms is not None:
            effects.append(Keep(self._record(anchor, anchor.err_ms)))
        return effects + self._contradicted(anchor)

    def _record(self, anchor: Anchor, err_ms: int) -> Clock:
        return self._scribe.write(
            Clock, anchor.up_ms, utc_ms=anchor.utc_ms, source=anchor.source, err_ms=err_ms
        )

    # What is wrong

    def _contradicted(self, anchor: Anchor) -> list[Effect]:
        """An alarm while a source contradicts what is believed."""
        if anchor.source not in ALARMING:
            return []
        off_ms, held = self._clock.off_ms(anchor), self._clock.source
        way = "ahead of" if off_ms > 0 else "behind"
        against = "the newest time kept" if held == "none" else f"{held}, which is believed"
        line = f"{anchor.source} is {abs(off_ms) / 1000:.1f} s {way} {against}"
        return self._alarm(anchor.source, line if off_ms else None, anchor.up_ms)

    def _alarm(self, part: str, line: str | None, up_ms: int) -> list[Effect]:
        """Raises or ends an alarm: a record at each change, not at each new figure."""
        if (line is not None) == (part in self._wrong):
            return []
        self._wrong ^= {part}
        self._picture.alarm(f"clock {part}", line)
        what = line or f"{part} agrees again"
        record = self._scribe.write(
            Alarm, up_ms, alarm="clock", what=what, part=part, active=line is not None
        )
        return [Keep(record), Light(bool(self._picture.alarms))]
