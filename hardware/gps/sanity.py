"""What a receiver claims and cannot be: dates before the build, jumps no vehicle makes. Pure."""

import math

DAY_MS = 86_400_000
ROLLOVER_MS = 1024 * 7 * DAY_MS
"""The GPS week number has ten bits, so a receiver's date may be this much too early."""

FASTEST_M_S = 70.0
"""252 km/h: no patrol vehicle goes faster."""

SLACK_M = 100.0
"""A fix with few satellites moves by this much while the vehicle stands."""

AGREE = 5
"""Fixes in a row at a new place before it is believed after all: the old place was the wrong one."""

EARTH_M = 6_371_008.8
"""Mean radius, IUGG."""


class Clock:
    """UTC from a day and a time of day, and whether a clock may be set by it.

    A date before the floor is refused and not repaired. To add 1,024 weeks is a guess: gpsd makes it,
    and dates a recording of 2015 in 2034. With a floor of None every date is believed: a recording's.
    """

    def __init__(self, floor_utc_ms: int | None) -> None:
        self._floor = floor_utc_ms
        self._known: tuple[int, int] | None = None

    def refusal(self, day: int, tod_ms: int) -> str:
        """Why this date cannot be: `date too early`, `date too late`, or nothing."""
        utc_ms = day * DAY_MS + tod_ms
        if self._floor is None:
            return ""
        if utc_ms < self._floor:
            return "date too early"
        return "date too late" if utc_ms >= self._floor + ROLLOVER_MS else ""

    def set(self, day: int, tod_ms: int, up_ms: int) -> int:
        """UTC in ms of a date that was not refused."""
        self._known = day * DAY_MS + tod_ms, up_ms
        return self._known[0]

    def carried(self, tod_ms: int, up_ms: int) -> int | None:
        """UTC in ms of an epoch without date, by the last that had one; None before there was one."""
        if self._known is None:
            return None
        utc_ms, then_ms = self._known
        expected = utc_ms + up_ms - then_ms
        return round((expected - tod_ms) / DAY_MS) * DAY_MS + tod_ms


class Way:
    """Where the vehicle was last, and whether it can be at the next place by now."""

    def __init__(self) -> None:
        self._last: tuple[float, float, int] | None = None
        self._other: tuple[float, float, int] | None = None
        self._agreed = 0

    def allows(self, lat: float, lon: float, up_ms: int) -> bool:
        """Whether to believe the place: it can be reached, or `AGREE` fixes in a row say the same."""
        here = lat, lon, up_ms
        if self._last is None or _reachable(self._last, here):
            self._agreed = 0
        else:
            again = self._agreed > 0 and self._other is not None and _reachable(self._other, here)
            self._agreed = self._agreed + 1 if again else 1
            self._other = here
            if self._agreed < AGREE:
                return False
            self._agreed = 0
        self._last = here
        return True


def metres(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Great-circle distance between two places in degrees, by the haversine formula."""
    north, east = math.radians(to_lat - lat) / 2, math.radians(to_lon - lon) / 2
    shrink = math.cos(math.radians(lat)) * math.cos(math.radians(to_lat))
    half = math.sin(north) ** 2 + shrink * math.sin(east) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def _reachable(here: tuple[float, float, int], there: tuple[float, float, int]) -> bool:
    seconds = max(0, there[2] - here[2]) / 1000
    return metres(here[0], here[1], there[0], there[1]) <= FASTEST_M_S * seconds + SLACK_M
