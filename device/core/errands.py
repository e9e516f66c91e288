"""The desk of orders that a unit carries out by itself: to say where it is, and to start the machine anew.

`locate`: the position goes out each second for a minute, and the answer bears one. `reboot`: everything is
brought to the medium and, within some seconds, to the gateway; the answer comes after the machine's start,
when its boot id tells that it was one.
"""

from collections.abc import Mapping

from msgspec import Struct, to_builtins

from device.core.desk import Desk, Handler
from device.core.drive import Drive
from device.core.effects import Effect, Keep, PowerOff, Save, Signal, Sync
from device.core.events import Kept
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.urgent import Urgent
from device.link.delivery import Delivery
from wire.records import Order, OrderOutcome

LOCATE_MS = 60_000
FAREWELL_MS = 15_000
SOUNDS_MS = 1_000
"""How long `powering_off` takes: cut short by the restart it would be another signal."""

NOTE = "reboot"


class _Errand(Struct, frozen=True):
    """An order under way; `boot`: of the run that took it."""

    id: str
    since_ms: int
    boot: str


class _Note(Struct):
    """The restart that was ordered, as it is saved; None: none."""

    reboot: _Errand | None = None


class Errands(Desk):
    """One errand of a kind at a time; a second order of the kind takes the place of the first."""

    def __init__(
        self,
        boot: str,
        scribe: Scribe,
        picture: Picture,
        urgent: Urgent,
        drive: Drive,
        delivery: Delivery,
    ) -> None:
        self._boot, self._scribe, self._picture = boot, scribe, picture
        self._urgent, self._drive, self._delivery = urgent, drive, delivery
        self._locate: _Errand | None = None
        self._reboot: _Errand | None = None
        self._owed: _Errand | None = None
        self._answered = False

    def handlers(self) -> Mapping[type, Handler]:
        return {Kept: self._kept}

    def recall(self, memory: Memory) -> None:
        note = memory.notes.recall(NOTE, _Note)
        self._owed = note.reboot if note else None

    def due(self, now: Now) -> list[Effect]:
        return [*self._account(now), *self._look(now), *self._restart(now)]

    def _kept(self, kept: Kept, now: Now) -> list[Effect]:
        order = kept.record
        if not isinstance(order, Order) or order.outcome != "received":
            return []
        errand = _Errand(order.id, now.up_ms, self._boot)
        if order.what == "locate":
            self._locate, self._answered = errand, False
            self._picture.sought = True
        elif order.what == "reboot":
            return [self._note(errand), *self.start_anew(now)]
        return []

    def start_anew(self, now: Now) -> list[Effect]:
        """The machine's start, which need not have been ordered."""
        self._reboot = _Errand("", now.up_ms, self._boot)
        closed = self._drive.close(now.up_ms)
        return [Signal("powering_off"), *closed, Sync()]

    def _look(self, now: Now) -> list[Effect]:
        errand = self._locate
        if errand is None:
            return []
        over = now.up_ms - errand.since_ms >= LOCATE_MS
        if over:
            self._locate, self._picture.sought = None, False
        if self._answered:
            return []
        if self._picture.latest(now.up_ms):
            self._answered = True
            return self._answer(errand, "locate", "done", None, now)
        why = f"no position for {LOCATE_MS // 1000} s"
        return self._answer(errand, "locate", "failed", why, now) if over else []

    def _restart(self, now: Now) -> list[Effect]:
        errand = self._reboot
        for_ms = now.up_ms - errand.since_ms if errand else 0
        all_sent = not any(self._delivery.queue().values())
        if errand is None or for_ms < SOUNDS_MS or not (all_sent or for_ms >= FAREWELL_MS):
            return []
        self._reboot = None
        return [PowerOff(again=True)]

    def _account(self, now: Now) -> list[Effect]:
        """After a start: whether the restart that was ordered before it was one."""
        errand, self._owed = self._owed, None
        if errand is None:
            return []
        done = errand.boot != self._boot
        why = None if done else "the machine did not start anew"
        answer = self._answer(errand, "reboot", "done" if done else "failed", why, now)
        return [*answer, self._note(None)]

    def _answer(
        self, errand: _Errand, what: str, outcome: OrderOutcome, why: str | None, now: Now
    ) -> list[Effect]:
        record = self._scribe.write(
            Order, now.up_ms, id=errand.id, outcome=outcome, what=what, why=why
        )
        self._urgent.add(record)
        return [Keep(record)]

    def _note(self, errand: _Errand | None) -> Save:
        return Save(NOTE, to_builtins(_Note(errand)))
