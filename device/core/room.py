"""The desk of room: asks for steps that keep the journal within its budget, and says what that costs."""

from collections.abc import Mapping

from device.core import events as ev
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Light, MakeRoom
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from wire.records import Alarm, Dropped

LOOK_EVERY_MS = 10_000
STEP_EVERY_MS = 250
SETTLED_MS = 3_600_000
"""So long after the last step that cost something it is over: a full journal takes one now and then."""

ALARM = "journal room"

COSTS = {
    "thinned": "the journal is full: positions that the gateway does not have are thinned, oldest first",
    "tracks": "the journal is full: the oldest positions are removed, which the gateway does not have",
    "events": "the journal is full: the oldest events are removed, which the gateway does not have",
}
"""What went of what is nowhere else, the lesser evil first."""

WORSE = tuple(COSTS)


class Room(Desk):
    """Looks now and then; while there is more to do, one step at a time, so that no tap waits long."""

    def __init__(self, scribe: Scribe, picture: Picture) -> None:
        self._scribe, self._picture = scribe, picture
        self._next_ms = 0
        self._worst: str | None = None
        self._cost_ms = 0

    def handlers(self) -> Mapping[type, Handler]:
        return {ev.RoomMade: self._made}

    def due(self, now: Now) -> list[Effect]:
        over = self._over(now) if self._worst else []
        if now.up_ms < self._next_ms:
            return over
        self._next_ms = now.up_ms + LOOK_EVERY_MS
        return [*over, MakeRoom(self._head(now))]

    def _head(self, now: Now) -> Dropped:
        return self._scribe.write(
            Dropped,
            now.up_ms,
            stream="track",
            log="0" * 16,
            first=1,
            last=1,
            h_last=None,
            why="",
        )

    def _made(self, made: ev.RoomMade, now: Now) -> list[Effect]:
        if made.more:
            self._next_ms = now.up_ms + STEP_EVERY_MS
        if made.how not in COSTS:
            return []
        self._cost_ms = now.up_ms
        if self._worst and WORSE.index(made.how) <= WORSE.index(self._worst):
            return []
        self._worst = made.how
        self._picture.alarm(ALARM, COSTS[made.how])
        return [Keep(self._alarm(made.how, now, active=True)), Light(self._picture.troubled)]

    def _over(self, now: Now) -> list[Effect]:
        if self._worst is None or now.up_ms - self._cost_ms < SETTLED_MS:
            return []
        over = self._alarm(self._worst, now, active=False)
        self._worst = None
        self._picture.alarm(ALARM, None)
        return [Keep(over), Light(self._picture.troubled)]

    def _alarm(self, cost: str, now: Now, active: bool) -> Alarm:
        return self._scribe.write(
            Alarm,
            now.up_ms,
            alarm="storage",
            what=COSTS[cost],
            part="journal",
            active=active,
        )
