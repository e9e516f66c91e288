"""All places around one way, few of them looked at: a place sleeps until the way can have come to it. Pure.

A place that is clearly left aside is so for as long as the way gets no longer than what parts them, so
5,000 places cost no more than the few whose borders are near, however densely they lie.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from math import hypot

from device.core.fences import offset_m
from device.core.visit import Crossing, Visit, apart_m
from device.core.whereabouts import Point
from wire.orders import Place

PLANE_M, SHARE = 10_000.0, 0.9
"""Metres of a plane are good for so far; a place sleeps for this share of what parts it from the way."""

NEAR_M = 1.0
"""What is nearer than this does not go back to sleep unseen."""


class Surroundings:
    """Places, and the visits under way among them. Mutable."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self.visits: dict[str, Visit] = {}
        self._before: Point | None = None
        self._gone_m = 0.0
        self.configure(places)

    def configure(self, places: Iterable[Place]) -> None:
        """Other places are in force.

        One that moved is judged by its new border from the next point on. One that is gone while the
        vehicle is within stays watched by its old border until it is left: an arrival has its leave.
        """
        self._places = {place.id: place for place in places}
        self.visits = {
            name: visit.bordering(self._places.get(name, visit.place))
            for name, visit in self.visits.items()
            if visit.state == "inside" or visit.place == self._places.get(name)
        }
        self._asleep = [(0.0, name) for name in self._places if name not in self.visits]
        heapify(self._asleep)

    def recall(self, inside: Iterable[Place]) -> None:
        """The vehicle was within these when the run before ended."""
        for place in inside:
            self.visits[place.id] = Visit(self._places.get(place.id, place), inside=True)
        self.configure(self._places.values())

    def step(self, here: Point) -> list[Crossing]:
        """The borders crossed on the way to the next point, in order of their time."""
        before, self._before = self._before, here
        self._wake(before, here)
        found: list[Crossing] = []
        for name, visit in list(self.visits.items()):
            found += visit.step(before, here)
            if visit.idle and name not in self._places:
                del self.visits[name]
            elif visit.idle and (still_m := apart_m(visit.place, here)) > 0:
                del self.visits[name]
                self._sleep(name, still_m)
        return sorted(found, key=lambda crossing: crossing.latest_ms)

    def within(self, length_m: float) -> list[Place]:
        """The places that a way of so many metres leads to, or may; those that are gone are not among them."""
        until_m = self._gone_m + length_m
        awake = [name for name in self.visits if name in self._places]
        asleep = [name for due_m, name in self._asleep if due_m <= until_m]
        return [self._places[name] for name in awake + asleep]

    def _sleep(self, name: str, still_m: float) -> None:
        heappush(self._asleep, (self._gone_m + SHARE * min(PLANE_M, still_m), name))

    def _wake(self, before: Point | None, here: Point) -> None:
        nearer_m = way_m(before, here) if before else 0.0
        self._gone_m += nearer_m
        while self._asleep and self._asleep[0][0] <= self._gone_m:
            name = heappop(self._asleep)[1]
            place = self._places[name]
            still_m = apart_m(place, here)
            if still_m > max(NEAR_M, nearer_m):
                self._sleep(name, still_m)
            else:
                self.visits[name] = Visit(place)


def way_m(before: Point, here: Point) -> float:
    """How much nearer a border may have come: by the way, and by being less certain of it."""
    metres = hypot(*offset_m(before.lat, before.lon, here.lat, here.lon))
    return metres + max(0.0, here.margin_m - before.margin_m)
