"""A vehicle's positions on their way into the journal: sampled, gathered into segments, brought to the medium."""

from collections.abc import Mapping

from msgspec.structs import replace

from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.economy import Economy
from device.core.effects import CloseSegment, Effect, KeepFix, Sync
from device.core.events import Event, Fix, Kept, LogBegan, Synced
from device.core.moment import Now
from device.core.scribe import Scribe
from device.core.timekeeper import AGREE_MS
from device.core.track import Sampler, Segment
from wire.live import Role
from wire.orders import Sampling, UnitConfig
from wire.records import Track
from wire.track import TrackFix, columns

SYNC_MS = 8_000
"""A power cut may take the last 10 s of driving: this, and the time a slow card needs."""


class Drive(Desk):
    """Holds the open segment, and what of it is not on the medium yet."""

    def __init__(
        self,
        role: Role,
        clock: ClockKeeper,
        scribe: Scribe,
        open_fixes: list[TrackFix],
        economy: Economy,
    ) -> None:
        self._economy = economy
        self._role, self._clock, self._scribe = role, clock, scribe
        self._sampler = Sampler()
        self._segment = Segment(open_fixes)
        self._unsynced_ms: int | None = None
        self._sampling = Sampling()

    @property
    def moving(self) -> bool:
        return self._sampler.moving

    def configure(self, config: UnitConfig) -> None:
        self._sampling = config.sampling

    def handlers(self) -> Mapping[type, Handler]:
        medium: dict[type, Handler] = {
            Kept: self._kept,
            Synced: self._on_medium,
            LogBegan: self._on_medium,
        }
        return {Fix: self._saw, **medium} if self._role == "vehicle" else medium

    def due(self, now: Now) -> list[Effect]:
        return self._closing(now.up_ms)

    def _kept(self, kept: Kept, now: Now) -> list[Effect]:
        return self._on_medium(kept, now) if kept.durable else []

    def _on_medium(self, event: Event, now: Now) -> list[Effect]:
        """Everything so far is on the medium."""
        del event, now
        self._unsynced_ms = None
        return []

    def _saw(self, fix: Fix, now: Now) -> list[Effect]:
        """What of `fix` is to be kept."""
        del now
        effects: list[Effect] = []
        for kept in self._sampler.offer(fix, self._economy.sampling(self._sampling)):
            track_fix = self._track_fix(kept)
            if self._segment.breaks(track_fix):
                effects += self.close(fix.up_ms)
            self._segment.add(track_fix)
            effects.append(KeepFix(track_fix))
            self._mark_unsynced(fix.up_ms)
        return effects + self._closing(fix.up_ms)

    def _closing(self, up_ms: int) -> list[Effect]:
        """Closes a segment that is full or old, and brings what was kept onto the medium in time."""
        effects: list[Effect] = []
        if self._segment.full(up_ms, self.moving):
            effects += self.close(up_ms)
        if self._unsynced_ms is not None and up_ms - self._unsynced_ms >= SYNC_MS:
            self._unsynced_ms = None
            effects.append(Sync())
        return effects

    def close(self, up_ms: int) -> list[Effect]:
        """Closes the open segment, if there is anything in it."""
        fixes = self._segment.take()
        if not fixes:
            return []
        self._mark_unsynced(up_ms)
        first = fixes[0]
        record = self._scribe.write(
            Track, up_ms, t0_ms=first.at_ms, up0_ms=first.up_ms, **columns(fixes)
        )
        return [CloseSegment(record)]

    def recover(self, boot: str, up_ms: int) -> list[Effect]:
        """Closes what a run before had open. Of another `boot`, it is dated by that one's clock alone."""
        closed = self.close(up_ms)
        return [self._of_boot(effect, boot) for effect in closed]

    @staticmethod
    def _of_boot(effect: Effect, boot: str) -> Effect:
        if not isinstance(effect, CloseSegment) or effect.record.boot == boot:
            return effect
        record = effect.record
        up_ms = record.up0_ms + sum(record.dt_ms) if isinstance(record, Track) else record.up_ms
        unknown = {"at_ms": None, "clock": "none", "clock_err_ms": None, "pos": None}
        return CloseSegment(replace(record, boot=boot, up_ms=up_ms, **unknown))

    def _mark_unsynced(self, up_ms: int) -> None:
        if self._unsynced_ms is None:
            self._unsynced_ms = up_ms

    def _track_fix(self, fix: Fix) -> TrackFix:
        return TrackFix(
            at_ms=self._at_ms(fix),
            up_ms=fix.up_ms,
            lat=fix.lat,
            lon=fix.lon,
            speed_m_s=fix.speed_m_s,
            course_deg=fix.course_deg,
            hacc_m=fix.hacc_m,
            sats=fix.sats,
        )

    def _at_ms(self, fix: Fix) -> int | None:
        """The receiver's UTC, which is exact, where the clock bears it out; else the clock's."""
        at_ms = self._clock.stamp(fix.up_ms).at_ms
        if at_ms is None or fix.utc_ms is None or not fix.clock_ok:
            return at_ms
        return fix.utc_ms if abs(fix.utc_ms - at_ms) <= AGREE_MS else at_ms
