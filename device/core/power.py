"""The desk of the vehicle's supply: ignition off for long enough, then flush, tell the gateway, power off.

Ignition that comes back before that changes nothing; one that comes back while the unit is taking its
leave is told of, and work goes on.
"""

from collections.abc import Mapping
from typing import Literal

from device.core.desk import Desk, Handler
from device.core.drive import Drive
from device.core.effects import Effect, Keep, PowerOff, Signal, Sync
from device.core.events import ButtonMoved
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Ignition
from device.link.delivery import Delivery
from wire.records import Alarm

Stage = Literal["on", "waiting", "leaving", "gone"]


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

    def handlers(self) -> Mapping[type, Handler]:
        return {ButtonMoved: self._moved} if self._ignition else {}

    def due(self, now: Now) -> list[Effect]:
        if self._ignition is None:
            return []
        for_ms = now.up_ms - self._since_ms
        if self._stage == "waiting" and for_ms >= self._ignition.hold_ms:
            return self._leave(now)
        if self._stage == "leaving" and (for_ms >= self._ignition.farewell_ms or self._all_sent()):
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
        stage, self._stage = self._stage, "on"
        if stage != "leaving":
            return []
        self._picture.alarm("power", None)
        return [self._keep("ignition came back", False, now)]

    def _leave(self, now: Now) -> list[Effect]:
        self._stage, self._since_ms = "leaving", now.up_ms
        self._picture.alarm("power", "ignition off; powering off")
        told = self._keep("ignition off; powering off", True, now)
        return [Signal("powering_off"), *self._drive.close(now.up_ms), told, Sync()]

    def _keep(self, what: str, active: bool, now: Now) -> Keep:
        return Keep(self._scribe.write(Alarm, now.up_ms, alarm="power", what=what, active=active))

    def _all_sent(self) -> bool:
        return not any(self._delivery.queue().values())
