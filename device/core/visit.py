"""One place and one vehicle: outside, entering, inside. Pure; a table of states, one step a point.

Entering becomes a visit by two points (or a straight way between two) within the border and by the
place's dwell; leaving likewise, by two points certainly outside. Who stands does not cross a border:
what seems so is the receiver's wandering. Bounds are points that were certainly on their side.
"""

from collections.abc import Callable
from math import hypot
from typing import Literal

from msgspec import Struct

from device.core.fences import offset_m
from device.core.whereabouts import Point
from wire.orders import Place

STILL_MS = 180_000
"""A vehicle that is found standing on the other side of a border, and was not seen to cross it (the unit
was off, or the place is new), must be found so for this long."""

UNSURE_MS = 30_000
"""After so long within a border, but never certainly so, the visit is told all the same."""

AWAY_MS = 30_000
"""A stay is over at the latest when it was left for this long; earlier, if its dwell is shorter."""

WEAK_M = 20.0
"""A point less certain than this, and than the place is large, is no sign of being within."""

FAVOUR_M = 2.7
"""In doubt for the patrol: who is under way no farther than this beyond a border counts as within, one sigma
of a receiver under an open sky. Who parks beside a place does not."""

Side = Literal["in", "maybe in", "maybe out", "out"]
State = Literal["unknown", "outside", "entering", "inside"]


class Crossing(Struct, frozen=True):
    """A border was crossed between `earliest_ms` (None: not known) and `latest_ms`, CLOCK_BOOTTIME."""

    what: Literal["arrive", "leave"]
    place: Place
    earliest_ms: int | None
    latest_ms: int
    hacc_m: float | None


class Visit:
    """What is known of one place. Mutable; `inside` at the start: recalled from a run before."""

    def __init__(self, place: Place, inside: bool = False) -> None:
        self.place = place
        self.state: State = "inside" if inside else "unknown"
        self._table: dict[State, Callable[[Point, Side], list[Crossing]]] = {
            "unknown": self._when_outside,
            "outside": self._when_outside,
            "entering": self._when_entering,
            "inside": self._when_inside,
        }
        self._out_ms: int | None = None
        self._first: Point | None = None
        self._last_ms = 0
        self._came = self._went = False
        self._within = self._without = 0
        self._sure_ms: int | None = None
        self._gone: Point | None = None

    @property
    def idle(self) -> bool:
        """Nothing is under way here."""
        return self.state in {"unknown", "outside"}

    def bordering(self, place: Place) -> "Visit":
        """The same visit, by the border that `place` has now."""
        self.place = place
        return self

    def step(self, before: Point | None, here: Point) -> list[Crossing]:
        """What the way from `before` to `here` led to, in order: nothing, an arrival, a leave, or both."""
        if before and self.idle and self._side(before) == "out":
            self._is_out(before)
        side = self._side(here)
        if before and here.joined and self.idle and side in {"out", "maybe out"}:
            self._cross(before, here)
        return self._table[self.state](here, side)

    def _side(self, point: Point) -> Side:
        beyond_m = _beyond_m(self.place, point)
        if beyond_m <= _favour_m(point):
            return "in" if beyond_m <= -point.margin_m else "maybe in"
        return "out" if beyond_m > point.margin_m else "maybe out"

    def _cross(self, before: Point, here: Point) -> None:
        """The straight way between two points outside may lead through."""
        if not here.under_way or not self._strong(here):
            return
        ax, ay = offset_m(self.place.lat, self.place.lon, before.lat, before.lon)
        bx, by = offset_m(self.place.lat, self.place.lon, here.lat, here.lon)
        length2 = (bx - ax) ** 2 + (by - ay) ** 2
        along = -(ax * (bx - ax) + ay * (by - ay)) / length2 if length2 else 0.0
        if not 0 < along < 1 or hypot(ax + along * (bx - ax), ay + along * (by - ay)) > (
            self.place.radius_m + _favour_m(here)
        ):
            return
        self._enter(here)

    def _strong(self, point: Point) -> bool:
        return point.margin_m <= max(WEAK_M, self.place.radius_m)

    def _is_out(self, point: Point) -> None:
        self.state, self._out_ms = "outside", point.t_ms

    def _enter(self, here: Point) -> None:
        self._first, self._last_ms = here, here.t_ms
        self._came = here.under_way
        self._within = self._without = 0
        self._sure_ms = self._gone = None
        self.state = "entering"

    def _when_outside(self, here: Point, side: Side) -> list[Crossing]:
        if side == "out":
            self._is_out(here)
        elif side != "maybe out" and self._may_enter(here):
            self._enter(here)
            return self._when_entering(here, side)
        return []

    def _may_enter(self, here: Point) -> bool:
        return self._strong(here) and (here.under_way or self.state == "unknown")

    def _when_entering(self, here: Point, side: Side) -> list[Crossing]:
        self._came |= here.under_way
        self._count(here, side)
        if self._without >= 2:
            return self._passed(here)
        if side in {"out", "maybe out"} or self._within < 2 or not self._counts(here.t_ms):
            return []
        if self._sure_ms is None and here.t_ms - self._started_ms < UNSURE_MS:
            return []
        self.state = "inside"
        return [self._arrived(here.t_ms if self._sure_ms is None else self._sure_ms)]

    def _count(self, here: Point, side: Side) -> None:
        if side == "out":
            self._gone = self._gone or here
            self._without += 1
            return
        self._gone, self._without = None, 0
        if side == "maybe out":
            return
        self._within += 1
        self._last_ms = here.t_ms
        if side == "in" and self._sure_ms is None:
            self._sure_ms = here.t_ms

    @property
    def _started_ms(self) -> int:
        return self._first.t_ms if self._first else 0

    def _counts(self, t_ms: int) -> bool:
        stayed_ms = t_ms - self._started_ms
        return stayed_ms >= self.place.dwell_s * 1000 and (self._came or stayed_ms >= STILL_MS)

    def _passed(self, here: Point) -> list[Crossing]:
        """It is out again before it counted as within: a passage, or too short a stay."""
        gone_ms = self._gone.t_ms if self._gone else here.t_ms
        told: list[Crossing] = []
        if self._counts(self._last_ms):
            arrived = self._arrived(gone_ms if self._sure_ms is None else self._sure_ms)
            told = [arrived, self._left(arrived.earliest_ms, gone_ms)]
        self._is_out(here)
        return told

    def _arrived(self, latest_ms: int) -> Crossing:
        hacc_m = self._first.hacc_m if self._first else None
        return Crossing("arrive", self.place, self._out_ms, latest_ms, hacc_m)

    def _left(self, earliest_ms: int | None, latest_ms: int) -> Crossing:
        hacc_m = self._gone.hacc_m if self._gone else None
        return Crossing("leave", self.place, earliest_ms, latest_ms, hacc_m)

    def _when_inside(self, here: Point, side: Side) -> list[Crossing]:
        if side != "out":
            self._gone, self._without = None, 0
            if side == "in":
                self._sure_ms = here.t_ms
            return []
        if self._gone is None:
            self._gone, self._went = here, False
        self._went |= here.under_way
        self._without += 1
        away_ms = min(AWAY_MS, self.place.dwell_s * 1000) if self._went else STILL_MS
        if self._without < 2 or here.t_ms - self._gone.t_ms < away_ms:
            return []
        left = self._left(self._out_ms if self._sure_ms is None else self._sure_ms, self._gone.t_ms)
        self._is_out(here)
        return [left]


def apart_m(place: Place, point: Point) -> float:
    """How far the point is from where it might be within the place; 0 or less: it might."""
    return _beyond_m(place, point) - point.margin_m


def _beyond_m(place: Place, point: Point) -> float:
    """How far beyond the border; within it, below 0."""
    return hypot(*offset_m(place.lat, place.lon, point.lat, point.lon)) - place.radius_m


def _favour_m(point: Point) -> float:
    return FAVOUR_M if point.under_way else 0.0
