"""The desk of lone persons: who signed on alone must be heard of in time; the box warns, then alarms.

A badge of the roster with `welfare_s` begins the watch. Any tap and any button renews it. Signing off, or
holding the acknowledge button, ends it.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Save, Signal
from device.core.events import CardShown, Kept
from device.core.moment import Now
from device.core.picture import Picture
from device.core.roster import Roster
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.urgent import Urgent
from wire.orders import UnitConfig
from wire.records import Alarm, Checkin, Crew

WARN_AGAIN_MS = 5_000
OFF_HOLD_MS = 3_000


class _Watch(Struct, frozen=True):
    """`person` must be heard of every `every_ms`; `boot`, `heard_up_ms`: when that was last so."""

    person: str
    every_ms: int
    boot: str
    heard_up_ms: int
    stage: Literal["quiet", "warned", "alarmed"] = "quiet"


class _Note(Struct):
    """The watch as it is saved; None: nobody is alone."""

    watch: _Watch | None = None


class Welfare(Desk):
    """One watch at a time: that of the person who signed on last."""

    def __init__(
        self, boot: str, scribe: Scribe, picture: Picture, urgent: Urgent, roster: Roster
    ) -> None:
        self._boot, self._scribe, self._roster = boot, scribe, roster
        self._picture, self._urgent = picture, urgent
        self._warn_ms = 0.0
        self._warned_ms = 0
        self._watch: _Watch | None = None

    def handlers(self) -> Mapping[type, Handler]:
        return {CardShown: self._card, Kept: self._kept}

    def configure(self, config: UnitConfig) -> None:
        self._warn_ms = config.welfare_warn_s * 1000

    def recall(self, memory: Memory) -> None:
        """After a power cut the time counts from the start of the machine: later, but never not."""
        note = memory.notes.recall("welfare", _Note)
        watch = note.watch if note else None
        if watch and watch.boot != self._boot:
            watch = msgspec.structs.replace(watch, boot=self._boot, heard_up_ms=0)
        self._watch = watch
        self._show()

    def due(self, now: Now) -> list[Effect]:
        watch = self._watch
        if watch is None or watch.stage == "alarmed":
            return []
        quiet_ms = now.up_ms - watch.heard_up_ms
        if quiet_ms >= watch.every_ms + self._warn_ms:
            return self._alarm(watch, now)
        if quiet_ms < watch.every_ms or now.up_ms - self._warned_ms < WARN_AGAIN_MS:
            return []
        self._warned_ms = now.up_ms
        self._watch = msgspec.structs.replace(watch, stage="warned")
        return [Signal("welfare_warning")]

    def sign_of_life(self, now: Now) -> list[Effect]:
        """A tap or a button: whoever is watched is well."""
        watch = self._watch
        if watch is None:
            return []
        self._watch = msgspec.structs.replace(watch, heard_up_ms=now.up_ms, stage="quiet")
        self._show()
        if watch.stage != "alarmed":
            return [self._note()]
        return [self._keep(watch, "heard of again", False, now), self._note()]

    def off(self, now: Now) -> list[Effect]:
        """The acknowledge button was held: nobody is alone any more."""
        if self._watch is None:
            return []
        self._watch = None
        return [self._note(), Signal("signed_off")]

    def _card(self, card: CardShown, now: Now) -> list[Effect]:
        del card
        return self.sign_of_life(now)

    def _kept(self, kept: Kept, now: Now) -> list[Effect]:
        record = kept.record
        if not isinstance(record, Checkin | Crew) or record.result != "accepted":
            return []
        if isinstance(record, Crew) and record.action == "off":
            return self._signed_off(record.person)
        badge = self._roster.badge(record.badge) if record.badge else None
        if badge is None or badge.welfare_s is None or record.person is None:
            return []
        every_ms = int(badge.welfare_s * 1000)
        self._watch = _Watch(record.person, every_ms, self._boot, now.up_ms)
        return [self._note()]

    def _signed_off(self, person: str | None) -> list[Effect]:
        if self._watch is None or self._watch.person != person:
            return []
        self._watch = None
        return [self._note()]

    def _alarm(self, watch: _Watch, now: Now) -> list[Effect]:
        self._watch = msgspec.structs.replace(watch, stage="alarmed")
        self._show()
        what = f"not heard of for {(now.up_ms - watch.heard_up_ms) // 1000} s"
        return [Signal("sos_sent"), self._keep(watch, what, True, now), self._note()]

    def _keep(self, watch: _Watch, what: str, active: bool, now: Now) -> Keep:
        alarm = self._scribe.write(
            Alarm, now.up_ms, alarm="welfare", what=what, person=watch.person, active=active
        )
        self._urgent.add(alarm)
        return Keep(alarm)

    def _show(self) -> None:
        watch = self._watch
        missed = watch.person if watch and watch.stage == "alarmed" else None
        self._picture.alarm("welfare", f"welfare {missed}" if missed else None)

    def _note(self) -> Save:
        return Save("welfare", msgspec.to_builtins(_Note(self._watch)))
