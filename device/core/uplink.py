"""The desk of the way out: the link's state, the live picture, the greeting, and the batches due."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from device.core import events as ev
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.downlink import Downlink
from device.core.drive import Drive
from device.core.effects import Effect, Publish
from device.core.moment import Now
from device.core.picture import SILENT, Picture
from device.core.present import Present, Way
from device.core.station import Identity
from device.core.urgent import Urgent
from device.link.delivery import Delivery
from wire import topics
from wire.live import State
from wire.records import AnyRecord


class Uplink(Desk):
    """Says what goes out now, the live picture before any backlog."""

    def __init__(
        self,
        identity: Identity,
        clock: ClockKeeper,
        picture: Picture,
        drive: Drive,
        urgent: Urgent,
        downlink: Downlink,
        delivery: Delivery,
        token: Callable[[], int],
    ) -> None:
        self._id, self._clock, self._picture = identity, clock, picture
        self._drive, self._urgent = drive, urgent
        self._downlink, self._delivery = downlink, delivery
        self._token = token
        self._state_token: int | None = None
        self._way = Way()

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.LinkUp: self._up,
            ev.LinkDown: self._down,
            ev.Handed: self._handed,
            ev.Dispatched: self._dispatched,
        }

    def due(self, now: Now) -> list[Effect]:
        live = self._live(now) if self._delivery.link_up else []
        return live + self._delivery.due(now.up_ms)

    def _up(self, up: ev.LinkUp, now: Now) -> list[Effect]:
        self._picture.connected(up.conn, up.broker)
        self._way = Way(up.broker, now.up_ms)
        self._state_token = None
        self._delivery.connected(now.up_ms)
        return []

    def _down(self, down: ev.LinkDown, now: Now) -> list[Effect]:
        since_ms = (
            now.up_ms if self._way.broker or self._way.since_ms is None else self._way.since_ms
        )
        self._way = Way(None, since_ms, down.why)
        self._delivery.disconnected()
        return []

    def _handed(self, handed: ev.Handed, now: Now) -> list[Effect]:
        self._delivery.taken(handed.token, now.up_ms)
        if handed.token == self._state_token:
            self._state_token = None
        return []

    def _dispatched(self, sent: ev.Dispatched, now: Now) -> list[Effect]:
        self._delivery.dispatched(sent.token, sent.last, sent.first, sent.size, now.up_ms)
        return []

    def _live(self, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        pressing = self._urgent.pressing(now.up_ms)
        if (pressing or self._state_token is None) and self._picture.state_due(now.up_ms, pressing):
            effects.append(self._state(now))
        if self._delivery.hello_due(now.up_ms):
            hello = self._downlink.hello(self._id.boot, self._token())
            self._delivery.counted(hello.token, len(hello.payload), now.up_ms)
            effects.append(hello)
        if self._picture.pos_due(now.up_ms, self._drive.moving):
            payload = msgspec.json.encode(self._picture.pos(now.up_ms))
            effects.append(Publish(topics.pos(self._id.unit), payload, 0, False, self._token()))
        return effects

    def _state(self, now: Now) -> Publish:
        state = self._now(now, self._urgent.records())
        self._state_token = self._token()
        payload = msgspec.json.encode(state)
        self._delivery.counted(self._state_token, len(payload), now.up_ms)
        return Publish(topics.state(self._id.unit), payload, 1, True, self._state_token)

    def _now(self, now: Now, urgent: list[AnyRecord]) -> State:
        stamp, queue = self._clock.stamp(now.up_ms), self._delivery.queue()
        return self._picture.state(now.up_ms, stamp.at_ms, stamp.clock, queue, urgent)

    def present(self, now: Now) -> Present:
        """How the unit is, for whoever looks at the box."""
        shown = [line for name, line in self._picture.alarms.items() if name not in SILENT]
        here, heard_ms = self._delivery.gateway_here, self._downlink.heard_ms
        return Present(
            now.up_ms,
            self._clock.stamp(now.up_ms).clock_err_ms,
            replace(self._way, gateway=here, heard_ms=heard_ms),
            replace(self._now(now, []), alarms=shown),
        )
