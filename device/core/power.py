"""The desk of the vehicle's supply: ignition off for long enough, then flush, tell the gateway, power off.

Ignition that comes back before that changes nothing; one that comes back while the unit is taking its
leave is told of, and work goes on. The alarm stands while the unit is off, and ends with the ignition.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, to_builtins

from device.core.desk import Desk, Handler
from device.core.drive import Drive
from device.core.effects import Effect, Keep, PowerOff, Save, Signal, Sync
from device.core.events import ButtonMoved
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Ignition, Memory
from device.link.delivery import Delivery
from wire.records import Alarm

Stage = Literal["on", "waiting", "leaving", "gone"]

NOTE = "power"
SOUNDS_MS = 1_000
"""How long `powering_off` takes: cut short by the power it would be another signal."""


class _Note(Struct):
    """`left`: the unit took its leave, and has not seen the ignition since; so the alarm stands."""

    left: bool = False


class Power(Desk):
    """Without an ignition wire (`ignition` None) the unit never powers off by itself."""

    def __init__(
        self,
        ignition: Ignition | None,
        scribe: Scribe,
        picture: Picture,
        drive: Drive,
        delivery: Delivery,
    ) -> None:
        self._ignition, self._scribe, self._picture = ignition, scribe, picture
        self._drive, self._delivery = drive, delivery
        self._stage: Stage = "on"
        self._since_ms = 0
        self._left = False

    def handlers(self) -> Mapping[type, Handler]:
        return {ButtonMoved: self._moved} if self._ignition else {}

    def recall(self, memory: Memory) -> None:
        self._left = (memory.notes.recall(NOTE, _Note) or _Note()).left

    def due(self, now: Now) -> list[Effect]:
        if self._ignition is None:
            return []
        for_ms = now.up_ms - self._since_ms
        if self._stage == "waiting" and for_ms >= self._ignition.hold_ms:
            return self._leave(now)
        over = for_ms >= self._ignition.farewell_ms or self._all_sent()
        if self._stage == "leaving" and for_ms >= SOUNDS_MS and over:
            self._stage = "gone"
            return [PowerOff()]
        return []

    def _moved(self, moved: ButtonMoved, now: Now) -> list[Effect]:
        if moved.name != "ignition" or self._stage == "gone":
            return []
        if moved.pressed:
            return self._back(now)
        if self._stage == "on":
            self._stage, self._since_ms = "waiting", moved.up_ms
        return []

    def _back(self, now: Now) -> list[Effect]:
        self._stage = "on"
        if not self._left:
            return []
        self._left = False
        self._picture.alarm("power", None)
        return [self._keep("ignition came back", False, now), self._note()]

    def _leave(self, now: Now) -> list[Effect]:
        self._stage, self._since_ms, self._left = "leaving", now.up_ms, True
        self._picture.alarm("power", "ignition off; powering off")
        told = self._keep("ignition off; powering off", True, now)
        closed = self._drive.close(now.up_ms)
        return [Signal("powering_off"), *closed, told, self._note(), Sync()]

    def _note(self) -> Save:
        return Save(NOTE, to_builtins(_Note(self._left)))

    def _keep(self, what: str, active: bool, now: Now) -> Keep:
        return Keep(self._scribe.write(Alarm, now.up_ms, alarm="power", what=what, active=active))

    def _all_sent(self) -> bool:
        return not any(self._delivery.queue().values())
