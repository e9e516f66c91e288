"""A vehicle's true way through a made-up town around 27.24 N 111.47 E, and the places along its streets.

Streets form a grid with irregular spacing of 120 to 350 m. The vehicle drives from crossing to crossing
at 20 to 80 km/h, brakes for turns and stops, stands at some. Places stand within 12 m of a street's
middle, 30 to 100 m wide, one for every 400 m of street or so. Metres east and north of the middle of the
town; ten positions a second. The unit never sees any of it.
"""

import math
import random
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from device.core.fences import moved
from wire.orders import Place

LAT, LON = 27.24, 111.47
STEP_S = 0.1
SPEED_UP_M_S2, SLOW_DOWN_M_S2, TURN_M_S = 1.8, 2.2, 5.0
STOPS, STOP_S = 0.18, (5.0, 90.0)
BLOCK_M, BLOCKS = (120.0, 350.0), 18
ASIDE_M, RADIUS_M = 12.0, (30.0, 100.0)
PLACES = 300


class Truth(Struct, frozen=True):
    """The truth of a moment: ms since the drive began, metres east and north, m/s, degrees from north."""

    t_ms: int
    east_m: float
    north_m: float
    speed_m_s: float
    course_deg: float


class Circle(Struct, frozen=True):
    """A place in metres of the town."""

    id: str
    east_m: float
    north_m: float
    radius_m: float

    def place(self, dwell_s: float = 0.0) -> Place:
        """As the unit's configuration has it."""
        lat, lon = moved(LAT, LON, self.east_m, self.north_m)
        return Place(self.id, self.id, lat, lon, self.radius_m, dwell_s)


class Town:
    """Streets and places; the same seed, the same town."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"town {seed}")
        self.columns, self.rows = self._lines(), self._lines()
        self.circles = [self._circle(f"pl-{n}") for n in range(PLACES)]

    def _lines(self) -> list[float]:
        lines = [0.0]
        for _ in range(BLOCKS):
            lines.append(lines[-1] + self._dice.uniform(*BLOCK_M))
        return [line - lines[-1] / 2 for line in lines]

    def _circle(self, name: str) -> Circle:
        along = self._dice.uniform(self.rows[0], self.rows[-1])
        aside = self._dice.choice(self.columns) + self._dice.uniform(-ASIDE_M, ASIDE_M)
        east_m, north_m = self._dice.choice(((along, aside), (aside, along)))
        return Circle(name, east_m, north_m, self._dice.uniform(*RADIUS_M))

    def widened(self, by_m: float) -> list[Circle]:
        """The places with their borders so much farther out."""
        return [replace(circle, radius_m=circle.radius_m + by_m) for circle in self.circles]

    def drive(self, seed: int, seconds: float) -> Iterator[Truth]:
        """The vehicle's way, ten positions a second."""
        return _drive(self, random.Random(f"drive {seed}"), seconds)


def _drive(town: Town, dice: random.Random, seconds: float) -> Iterator[Truth]:
    column, row, heading, t_ms = BLOCKS // 2, BLOCKS // 2, (0, 1), 0
    speed_m_s = 0.0
    while t_ms < seconds * 1000:
        turn = dice.choice((-1, 0, 0, 1))
        heading = _turned(heading, turn)
        while not (0 <= column + heading[0] <= BLOCKS and 0 <= row + heading[1] <= BLOCKS):
            heading = _turned(heading, 1)
        stop, cruise_m_s = dice.random() < STOPS, dice.uniform(20, 80) / 3.6
        start = town.columns[column], town.rows[row]
        column, row = column + heading[0], row + heading[1]
        end = town.columns[column], town.rows[row]
        for here in _leg(t_ms, start, end, (speed_m_s, cruise_m_s, 0.0 if stop else TURN_M_S)):
            t_ms, speed_m_s = here.t_ms, here.speed_m_s
            yield here
        if stop:
            for _ in range(round(dice.uniform(*STOP_S) / STEP_S)):
                t_ms += round(STEP_S * 1000)
                yield Truth(t_ms, *end, 0.0, here.course_deg)
            speed_m_s = 0.0


def _turned(heading: tuple[int, int], turn: int) -> tuple[int, int]:
    return heading if turn == 0 else (heading[1] * turn, -heading[0] * turn)


def _leg(
    t_ms: int,
    start: tuple[float, float],
    end: tuple[float, float],
    speeds: tuple[float, float, float],
) -> Iterator[Truth]:
    """Along one block: speeds up to the cruise, brakes for its end."""
    speed_m_s, cruise_m_s, last_m_s = speeds
    length_m = math.dist(start, end)
    east, north = (end[0] - start[0]) / length_m, (end[1] - start[1]) / length_m
    course_deg = math.degrees(math.atan2(east, north)) % 360
    gone_m = 0.0
    while gone_m < length_m:
        allowed = math.sqrt(last_m_s**2 + 2 * SLOW_DOWN_M_S2 * (length_m - gone_m))
        wanted = min(cruise_m_s, allowed)
        change = max(
            -SLOW_DOWN_M_S2 * 1.2 * STEP_S, min(SPEED_UP_M_S2 * STEP_S, wanted - speed_m_s)
        )
        speed_m_s = max(0.3, speed_m_s + change)
        gone_m = min(length_m, gone_m + speed_m_s * STEP_S)
        t_ms += round(STEP_S * 1000)
        yield Truth(
            t_ms, start[0] + east * gone_m, start[1] + north * gone_m, speed_m_s, course_deg
        )


def parked(east_m: float, north_m: float, seconds: int) -> Iterator[Truth]:
    """Stands where it is; one position a second."""
    for n in range(1, seconds + 1):
        yield Truth(n * 1000, east_m, north_m, 0.0, 0.0)
