"""Which places are near a position: a grid of degrees, so that 5,000 places cost no more than a few.

A place stands in every cell that its circle touches, widened by `REACH_M`; a question looks into one
cell of each of two grids, a fine one for small circles and a coarse one for large. The 180th meridian
is a cell's border like any other. Near the poles (beyond 89.4 degrees) it is not meant to work.
"""

from collections.abc import Iterable, Iterator
from math import cos, floor, radians

from wire.orders import Place

EARTH_M_PER_DEG = 111_320.0
REACH_M = 250.0
"""How far from its border a place is still near: more than a vehicle goes between two fixes."""

FINE_DEG, COARSE_DEG = 0.005, 0.1
FINE_UP_TO_M = 300.0
"""A circle up to this stands in the fine grid, in at most a dozen cells."""

Cell = tuple[int, int]


def offset_m(lat: float, lon: float, to_lat: float, to_lon: float) -> tuple[float, float]:
    """Metres east and north from one position to another, on a plane: good for some ten kilometres."""
    north_m = (to_lat - lat) * EARTH_M_PER_DEG
    east_deg = (to_lon - lon + 180) % 360 - 180
    return east_deg * EARTH_M_PER_DEG * shrink(lat), north_m


def moved(lat: float, lon: float, east_m: float, north_m: float) -> tuple[float, float]:
    """The position so many metres east and north; the longitude stays within 180 degrees."""
    east_deg = east_m / (EARTH_M_PER_DEG * shrink(lat))
    return lat + north_m / EARTH_M_PER_DEG, (lon + east_deg + 180) % 360 - 180


def shrink(lat: float) -> float:
    """How much shorter a degree of longitude is at `lat` than at the equator; never quite nothing."""
    return max(0.01, cos(radians(lat)))


class FenceIndex:
    """The places of one configuration."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._fine: dict[Cell, list[Place]] = {}
        self._coarse: dict[Cell, list[Place]] = {}
        for place in places:
            fine = place.radius_m <= FINE_UP_TO_M
            grid, size_deg = (self._fine, FINE_DEG) if fine else (self._coarse, COARSE_DEG)
            for cell in _cells(place, size_deg):
                grid.setdefault(cell, []).append(place)

    def near(self, lat: float, lon: float) -> Iterator[Place]:
        """Places whose border may be within `REACH_M`; some that are farther, none that is nearer."""
        yield from self._fine.get(_cell(lat, lon, FINE_DEG), ())
        yield from self._coarse.get(_cell(lat, lon, COARSE_DEG), ())


def _cell(lat: float, lon: float, size_deg: float) -> Cell:
    return floor(lat / size_deg), floor(lon / size_deg) % round(360 / size_deg)


def _cells(place: Place, size_deg: float) -> Iterator[Cell]:
    high_deg = (place.radius_m + REACH_M) / EARTH_M_PER_DEG
    wide_deg = high_deg / shrink(min(90.0, abs(place.lat) + high_deg))
    around = round(360 / size_deg)
    columns = {
        column % around
        for column in range(
            floor((place.lon - wide_deg) / size_deg), floor((place.lon + wide_deg) / size_deg) + 1
        )
    }
    for row in range(
        floor((place.lat - high_deg) / size_deg), floor((place.lat + high_deg) / size_deg) + 1
    ):
        for column in columns:
            yield row, column
