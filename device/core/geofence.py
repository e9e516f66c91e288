"""All places of a configuration and one vehicle: which were entered and left by the fixes so far. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from device.core.surroundings import Surroundings, way_m
from device.core.visit import Crossing
from device.core.whereabouts import Point, Sight, Whereabouts
from wire.orders import Place

PART_M = 200.0
"""How far the way as it was told and the way gone over again may be apart at their end."""


class Geofence:
    """Costs per fix what the few borders nearby cost, however many places there are."""

    def __init__(self) -> None:
        self._whereabouts = Whereabouts()
        self._around = Surroundings()
        self._told_ms: dict[str, int] = {}

    @property
    def inside(self) -> Mapping[str, Place]:
        """Places that were entered and not left."""
        visits = self._around.visits
        return {n: visit.place for n, visit in visits.items() if visit.state == "inside"}

    def recall(self, inside: Iterable[Place]) -> None:
        """The vehicle was within these when the run before ended: no second arrival."""
        self._around.recall(inside)

    def configure(self, places: Iterable[Place]) -> None:
        """Other places are in force: see `Surroundings.configure`."""
        self._around.configure(places)

    def offer(self, sight: Sight) -> list[Crossing]:
        """The borders that this fix proves to have been crossed, in order of their time.

        When it settles a doubt, passages that were missed meanwhile come after them, each with its leave.
        """
        found: list[Crossing] = []
        for point in self._whereabouts.offer(sight):
            found += self._around.step(point)
        self._tell(found)
        for passage in self._passages(self._whereabouts.look_back()):
            if self._is_news(*passage):
                self._tell(passage)
                found += passage
        return found

    def _tell(self, crossings: Iterable[Crossing]) -> None:
        for crossing in crossings:
            self._told_ms[crossing.place.id] = crossing.latest_ms

    def _passages(self, way: Sequence[Point]) -> Iterator[tuple[Crossing, Crossing]]:
        """Arrivals on a way gone over again, each with its leave."""
        length_m = sum(way_m(a, b) for a, b in pairwise(way))
        around = Surroundings(self._around.within(length_m + PART_M) if way else ())
        arrived: dict[str, Crossing] = {}
        for point in way:
            for crossing in around.step(point):
                name = crossing.place.id
                if crossing.what == "arrive":
                    arrived[name] = crossing
                else:
                    yield arrived.pop(name), crossing

    def _is_news(self, arrive: Crossing, leave: Crossing) -> bool:
        """Whether it began after what was told of the place, and no visit is under way there."""
        name, began_ms = leave.place.id, arrive.earliest_ms
        visit = self._around.visits.get(name)
        if began_ms is None or (visit and not visit.idle):
            return False
        return began_ms >= self._told_ms.get(name, began_ms)
