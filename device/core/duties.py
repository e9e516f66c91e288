"""The desk of duty cards: a tag that stands for a duty, shown within the window after a badge.

Each tap of a duty card is one act, and one `duty` record with the check-in as its `ref`. The same card
again within `repeat_s`, for the same check-in, is a slip of the hand; later it is one act more. Before
any badge, or after the window, nothing is recorded: the person hears it, and shows the badge first.
"""

from collections.abc import Mapping

from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Signal
from device.core.events import CardShown, KeepFailed, Kept
from device.core.moment import Now
from device.core.roster import Roster
from device.core.scribe import Scribe
from device.core.station import Memory
from wire.orders import UnitConfig
from wire.records import Checkin, Crew, Duty, Record, Ref


class Duties(Desk):
    """Knows whom the next duty card is for: the badge accepted last."""

    def __init__(self, boot: str, scribe: Scribe, roster: Roster) -> None:
        self._boot, self._scribe, self._roster = boot, scribe, roster
        self._config = UnitConfig()
        self._kept: dict[str, Ref] = {}
        self._last: tuple[Ref, int] | None = None
        self._acts: dict[tuple[str, Ref], int] = {}

    def configure(self, config: UnitConfig) -> None:
        self._config = config

    def recall(self, memory: Memory) -> None:
        for ref, tap in memory.taps:
            if tap.boot == self._boot:
                self._tapped(tap, ref)

    def handlers(self) -> Mapping[type, Handler]:
        return {CardShown: self._shown, Kept: self._stands, KeepFailed: self._failed}

    def again(self, uid: str, up_ms: int) -> None:
        """The badge `uid` was shown again, for the check-in that stands: its window begins anew."""
        if uid in self._kept:
            self._last = (self._kept[uid], up_ms)

    def _stands(self, kept: Kept, now: Now) -> list[Effect]:
        del now
        self._tapped(kept.record, Ref(kept.stream, kept.log, kept.seq))
        return []

    def _tapped(self, record: Record, ref: Ref) -> None:
        if not isinstance(record, Checkin | Crew) or record.result != "accepted":
            return
        if record.badge:
            self._kept[record.badge] = ref
            self._last = (ref, record.up_ms)

    def _shown(self, card: CardShown, now: Now) -> list[Effect]:
        del now
        duty = self._roster.duty(card.uid)
        if duty is None:
            return []
        ref = self._open(card.up_ms)
        if ref is None:
            return [Signal("duty_refused")]
        if self._slip((card.uid, ref), card.up_ms):
            return [Signal("duplicate")]
        record = self._scribe.write(Duty, card.up_ms, duty=duty, ref=ref)
        return [Keep(record), Signal("duty_accepted")]

    def _open(self, up_ms: int) -> Ref | None:
        if self._last is None:
            return None
        ref, since_ms = self._last
        return ref if up_ms - since_ms <= self._config.duty_window_s * 1000 else None

    def _slip(self, act: tuple[str, Ref], up_ms: int) -> bool:
        """Whether this is the act that was just recorded; else it is remembered as being recorded."""
        window_ms = self._config.repeat_s * 1000
        self._acts = {a: at_ms for a, at_ms in self._acts.items() if up_ms - at_ms < window_ms}
        return self._acts.setdefault(act, up_ms) != up_ms

    def _failed(self, failed: KeepFailed, now: Now) -> list[Effect]:
        """The journal did not take the act: the next tap is a new one."""
        del now
        if isinstance(failed.record, Duty):
            self._acts = {}
        return []
