"""The desk of a vehicle's rounds: it arrives at places, leaves them, and has checked in by passing."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Save
from device.core.events import Fix
from device.core.geofence import Geofence
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Memory
from device.core.timekeeper import AGREE_MS
from device.core.visit import Crossing
from device.core.whereabouts import Sight
from wire.live import Role
from wire.orders import Place, UnitConfig
from wire.records import Arrive, Checkin, Leave

LATE_MS = 600_000
"""A fix may come out of a stalled receiver or line this late, and is still of its own time."""


class _Stay(Struct, frozen=True):
    """A place the vehicle is within, with the border it crossed; UTC since when at the latest, if known."""

    place: Place
    since_ms: int | None = None


class _Stays(Struct, frozen=True):
    """What must survive a restart: without it there were a second arrival, or no leave."""

    stays: list[_Stay] = []


class Rounds(Desk):
    """Turns borders crossed into records. Every place of the configuration is one to check in at."""

    def __init__(self, role: Role, clock: ClockKeeper, scribe: Scribe, picture: Picture) -> None:
        self._role, self._clock, self._scribe, self._picture = role, clock, scribe, picture
        self._fence = Geofence()
        self._since: dict[str, int | None] = {}

    def handlers(self) -> Mapping[type, Handler]:
        return {Fix: self._fix} if self._role == "vehicle" else {}

    def configure(self, config: UnitConfig) -> None:
        if self._role == "vehicle":
            self._fence.configure(config.places)

    def recall(self, memory: Memory) -> None:
        """The places that the vehicle was within when the run before ended."""
        held = memory.notes.recall("stays", _Stays)
        if held and self._role == "vehicle":
            self._fence.recall(stay.place for stay in held.stays)
            self._since = {stay.place.id: stay.since_ms for stay in held.stays}

    def _fix(self, fix: Fix, now: Now) -> list[Effect]:
        del now
        crossings = self._fence.offer(self._sight(fix))
        effects: list[Effect] = []
        for crossing in crossings:
            effects += self._record(crossing, fix.up_ms)
        if crossings:
            effects.append(self._save())
        return effects

    def _sight(self, fix: Fix) -> Sight:
        """The fix in its own time: by its UTC, where the clock bears that out, else by its coming."""
        return Sight(
            fix.up_ms - self._late_ms(fix),
            fix.lat,
            fix.lon,
            fix.hacc_m,
            fix.speed_m_s,
            fix.course_deg,
        )

    def _late_ms(self, fix: Fix) -> int:
        at_ms = self._clock.stamp(fix.up_ms).at_ms
        if at_ms is None or fix.utc_ms is None:
            return 0
        late_ms = at_ms - fix.utc_ms
        return late_ms if -AGREE_MS <= late_ms <= LATE_MS else 0

    def _record(self, crossing: Crossing, up_ms: int) -> list[Effect]:
        name = crossing.place.id
        earliest_ms, latest_ms = (
            self._utc(crossing.earliest_ms, -1),
            self._utc(crossing.latest_ms, 1),
        )
        bounds = {"latest_ms": latest_ms, "hacc_m": crossing.hacc_m}
        if crossing.what == "leave":
            since_ms = self._since.pop(name, None)
            earliest_ms = since_ms if crossing.earliest_ms is None else earliest_ms
            left = self._scribe.write(Leave, up_ms, place=name, earliest_ms=earliest_ms, **bounds)
            return [Keep(left)]
        self._since[name] = latest_ms
        arrived = self._scribe.write(Arrive, up_ms, place=name, earliest_ms=earliest_ms, **bounds)
        return [Keep(arrived), Keep(self._checkin(name, up_ms))]

    def _checkin(self, place: str, up_ms: int) -> Checkin:
        """Whose it is, is known only where one alone is aboard; else the `crew` records tell."""
        crew = self._picture.crew
        return self._scribe.write(
            Checkin,
            up_ms,
            badge=None,
            person=crew[0] if len(crew) == 1 else None,
            place=place,
            method="geofence",
            proof="gnss",
            result="accepted",
        )

    def _utc(self, up_ms: int | None, side: int) -> int | None:
        """UTC of a bound, moved outward by the clock's own error; None without a clock."""
        stamp = self._clock.stamp(up_ms or 0)
        if up_ms is None or stamp.at_ms is None:
            return None
        return max(0, stamp.at_ms + side * (stamp.clock_err_ms or 0))

    def _save(self) -> Save:
        stays = [_Stay(place, self._since.get(name)) for name, place in self._fence.inside.items()]
        return Save("stays", msgspec.to_builtins(_Stays(stays)))
