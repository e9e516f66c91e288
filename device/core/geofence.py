"""All places of a configuration and one vehicle: which were entered and left by the fixes so far. Pure."""

from collections.abc import Iterable, Mapping

from device.core.fences import FenceIndex
from device.core.visit import Crossing, Visit
from device.core.whereabouts import Point, Sight, Whereabouts
from wire.orders import Place


class Geofence:
    """Costs per fix what the places nearby cost, however many there are."""

    def __init__(self) -> None:
        self._index = FenceIndex(())
        self._whereabouts = Whereabouts()
        self._visits: dict[str, Visit] = {}
        self._before: Point | None = None

    @property
    def inside(self) -> Mapping[str, Place]:
        """Places that were entered and not left."""
        return {n: visit.place for n, visit in self._visits.items() if visit.state == "inside"}

    def recall(self, inside: Iterable[Place]) -> None:
        """The vehicle was within these when the run before ended: no second arrival."""
        for place in inside:
            held = self._visits.get(place.id)
            self._visits[place.id] = Visit(held.place if held else place, inside=True)

    def configure(self, places: Iterable[Place]) -> None:
        """Other places are in force.

        One that moved is judged by its new border from the next fix on. One that is gone while the
        vehicle is within stays watched by its old border until it is left: an arrival has its leave.
        """
        known = {place.id: place for place in places}
        self._index = FenceIndex(known.values())
        kept: dict[str, Visit] = {}
        for name, visit in self._visits.items():
            if name in known and visit.place == known[name]:
                kept[name] = visit
            elif visit.state == "inside":
                visit.place = known.get(name, visit.place)
                kept[name] = visit
        self._visits = kept

    def offer(self, sight: Sight) -> list[Crossing]:
        """The borders that this fix proves to have been crossed, in order of their time."""
        found: list[Crossing] = []
        for point in self._whereabouts.offer(sight):
            found += self._step(point)
        return found

    def _step(self, here: Point) -> list[Crossing]:
        before, self._before = self._before, here
        near = {place.id: place for place in self._index.near(here.lat, here.lon)}
        for name, place in near.items():
            if name not in self._visits:
                self._visits[name] = Visit(place)
        found: list[Crossing] = []
        for name, visit in list(self._visits.items()):
            found += visit.step(before, here)
            if name not in near and visit.idle:
                del self._visits[name]
        return sorted(found, key=lambda crossing: crossing.latest_ms)
