"""The desk of a unit's last order: what waits goes out, the keys are wiped, and the unit is off duty for good.

The answer is signed and sent after the wiping, over the connection that stands, with the key that memory still has:
it is true when it is said.

    farewell ── nothing waits, or time is up ──► wiping ── done ──► answered ── acknowledged, or time is up ──► gone
"""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct, to_builtins

from device.core.desk import Desk, Handler
from device.core.drive import Drive
from device.core.effects import Effect, Keep, Save, Signal, StartAnew, Sync, Wipe
from device.core.events import Kept, Wiped
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.urgent import Urgent
from wire.records import Order, OrderOutcome

NOTE = "retire"
FAREWELL_MS = 120_000
ANSWER_MS = 15_000
SOUNDS_MS = 1_000
"""How long `powering_off` takes."""

Stage = Literal["farewell", "wiping", "answered", "gone"]


class _Note(Struct):
    """The order under way, as it is saved: a restart does not call it off. None: none."""

    order: str | None = None


class Retirement(Desk):
    """`waits()`: whether anything is still to be sent."""

    def __init__(
        self,
        scribe: Scribe,
        picture: Picture,
        urgent: Urgent,
        drive: Drive,
        waits: Callable[[], bool],
    ) -> None:
        self._scribe, self._picture, self._urgent = scribe, picture, urgent
        self._drive, self._waits = drive, waits
        self._order: str | None = None
        self._stage: Stage = "farewell"
        self._since_ms: int | None = None
        self._answer: Order | None = None

    def handlers(self) -> Mapping[type, Handler]:
        return {Kept: self._kept, Wiped: self._wiped}

    def recall(self, memory: Memory) -> None:
        note = memory.notes.recall(NOTE, _Note)
        self._order = note.order if note else None

    def _kept(self, kept: Kept, now: Now) -> list[Effect]:
        order = kept.record
        if not isinstance(order, Order) or (order.what, order.outcome) != ("retire", "received"):
            return []
        if self._order is not None:
            return self._say(order.id, "failed", "another order to retire is under way", now)
        self._order, self._stage, self._since_ms = order.id, "farewell", now.up_ms
        self._picture.alarm("retired", "being retired: its keys are wiped when all is sent")
        closed = self._drive.close(now.up_ms)
        return [Signal("powering_off"), *closed, self._note(), Sync()]

    def due(self, now: Now) -> list[Effect]:
        if self._order is None:
            return []
        since_ms = self._since_ms = now.up_ms if self._since_ms is None else self._since_ms
        for_ms = now.up_ms - since_ms
        if self._stage == "farewell" and self._may_wipe(for_ms):
            self._stage = "wiping"
            return [Wipe()]
        if self._stage == "answered" and (self._is_heard() or for_ms >= ANSWER_MS):
            self._stage = "gone"
            return [StartAnew()]
        return []

    def _may_wipe(self, for_ms: int) -> bool:
        return for_ms >= SOUNDS_MS and (not self._waits() or for_ms >= FAREWELL_MS)

    def _is_heard(self) -> bool:
        return self._answer is not None and not self._urgent.waits(self._answer)

    def _wiped(self, wiped: Wiped, now: Now) -> list[Effect]:
        """A box whose keys cannot be wiped says so, and works on: the gateway puts it out all the same."""
        order = self._order or ""
        if wiped.why is not None:
            self._order = None
            self._picture.alarm("retired", f"its keys could not be wiped: {wiped.why}")
            return [*self._say(order, "failed", wiped.why, now), self._note()]
        self._stage, self._since_ms = "answered", now.up_ms
        self._picture.alarm("retired", "retired: its keys are wiped")
        return self._say(order, "done", "keys wiped, off duty", now)

    def _say(self, order: str, outcome: OrderOutcome, why: str, now: Now) -> list[Effect]:
        self._answer = self._scribe.write(
            Order, now.up_ms, id=order, outcome=outcome, what="retire", why=why[:500]
        )
        self._urgent.add(self._answer)
        return [Keep(self._answer)]

    def _note(self) -> Save:
        return Save(NOTE, to_builtins(_Note(self._order)))
