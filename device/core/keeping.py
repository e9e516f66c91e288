"""The desk of keeping: what the journal took, what it could not, and what it lost."""

from collections.abc import Mapping, Sequence

from device.core import events as ev
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Light, Prune, Signal
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Lost
from device.link.delivery import Delivery
from wire.orders import UnitConfig
from wire.records import Alarm, Dropped

PRUNE_EVERY_MS = 600_000


class Keeping(Desk):
    """Lets the delivery know what it may send, and people what is wrong with the medium."""

    def __init__(
        self, clock: ClockKeeper, scribe: Scribe, picture: Picture, delivery: Delivery
    ) -> None:
        self._clock, self._scribe = clock, scribe
        self._picture, self._delivery = picture, delivery
        self._keep_days = UnitConfig().keep_days
        self._track_tail: tuple[str, int] | None = None
        self._failing: ev.KeepFailed | None = None
        self._pruned_ms: int | None = None

    def configure(self, config: UnitConfig) -> None:
        self._keep_days = config.keep_days

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Kept: self._kept,
            ev.Synced: self._synced,
            ev.KeepFailed: self._keep_failed,
            ev.LogBegan: self._log_began,
            ev.JournalCut: self._cut,
            ev.Rotted: self._rotted,
            ev.Shortened: self._shortened,
        }

    def due(self, now: Now) -> list[Effect]:
        if self._pruned_ms is not None and now.up_ms - self._pruned_ms < PRUNE_EVERY_MS:
            return []
        self._pruned_ms = now.up_ms
        return [Prune(self._clock.stamp(now.up_ms).at_ms, self._keep_days)]

    def _kept(self, kept: ev.Kept, now: Now) -> list[Effect]:
        if kept.durable:
            self._delivery.grew(kept.stream, kept.log, kept.seq)
            self._on_medium()
        else:
            self._track_tail = (kept.log, kept.seq)
        return self._works_again(now)

    def _synced(self, synced: ev.Synced, now: Now) -> list[Effect]:
        del synced, now
        self._on_medium()
        return []

    def _on_medium(self) -> None:
        if self._track_tail:
            self._delivery.grew("track", *self._track_tail)
            self._track_tail = None

    def _works_again(self, now: Now) -> list[Effect]:
        failed, self._failing = self._failing, None
        if failed is None:
            return []
        self._picture.alarm("storage", None)
        what = f"was failing: {failed.why}"[:500]
        over = self._scribe.write(
            Alarm, now.up_ms, alarm="storage", what=what, part="journal", active=False
        )
        return [Keep(over), Light(self._picture.troubled)]

    def _keep_failed(self, failed: ev.KeepFailed, now: Now) -> list[Effect]:
        del now
        self._failing = failed
        self._picture.alarm("storage", failed.why)
        return [Signal("storage_failing"), Light(True)]

    def _log_began(self, began: ev.LogBegan, now: Now) -> list[Effect]:
        self._on_medium()
        self._delivery.began(began.stream, began.log)
        what = f"a new {began.stream} log {began.log} was begun"
        alarm = self._scribe.write(Alarm, now.up_ms, alarm="storage", what=what, part="journal")
        return [Keep(alarm)]

    def _cut(self, cut: ev.JournalCut, now: Now) -> list[Effect]:
        what = f"records may be missing at the end of the logs before: {cut.why}"[:500]
        self._picture.alarm("journal cut", what)
        alarm = self._scribe.write(Alarm, now.up_ms, alarm="storage", what=what, part="journal")
        return [Keep(alarm), Light(True)]

    def _shortened(self, shortened: ev.Shortened, now: Now) -> list[Effect]:
        del now
        self._delivery.shortened(shortened.stream, shortened.log, shortened.oldest)
        return []

    def _rotted(self, rotted: ev.Rotted, now: Now) -> list[Effect]:
        del now
        self._alarm(Lost(rotted.stream, rotted.log, rotted.first, rotted.last, rotted.h_last))
        return [Light(True)]

    def lost(self, span: Lost, now: Now) -> list[Effect]:
        """Rows that cannot be read any more are declared, so that the gateway may pass over them."""
        self._alarm(span)
        return [Keep(self.declaration(span, now)), Light(True)]

    def damaged(self, names: Sequence[str], now: Now) -> list[Effect]:
        """Settings that cannot be read any more: the unit goes on without them, and says so."""
        if not names:
            return []
        what = f"settings in the journal are damaged, and what they said may be missing: {', '.join(names)}"
        self._picture.alarm("settings", what[:500])
        record = self._scribe.write(
            Alarm, now.up_ms, alarm="storage", what=what[:500], part="journal"
        )
        return [Keep(record), Light(True)]

    def declaration(self, span: Lost, now: Now) -> Dropped:
        """The record that says so."""
        return self._scribe.write(
            Dropped,
            now.up_ms,
            stream=span.stream,
            log=span.log,
            first=span.first,
            last=span.last,
            h_last=span.h_last.hex() if span.h_last else None,
            why="unreadable in the journal",
        )

    def _alarm(self, span: Lost) -> None:
        line = f"journal: records {span.first} to {span.last} are unreadable"
        self._picture.alarm(f"lost {span.log}", line)
