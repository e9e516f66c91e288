"""Where a vehicle can really be: fixes weighed against each other and against the speed it reports.

A position may be off by 200 m and claim 2 m; the speed of the same fix comes from Doppler shift and is
hardly ever wrong by more than 1 m/s. So a line of positions is carried on by the speed, and a fix that
does not fit it is not believed, however good it claims to be. It begins another line; only when that
has held for as long as fixes bore out the first (within 15 to 60 s; or 2 s after fixes had been missing)
it takes the place of the first: after a tunnel the first may itself have begun in a burst of multipath.
What a line was carried through meanwhile is told as soon as a fix bears it out, and else forgotten.
When a doubt is settled the way is gone over once more from its end, as a line in mirrored time: a burst
that misled the first on its way in, or from its beginning, is met there by one that knows how it ended.

What this cannot do: see through a receiver whose position and speed lie alike for 60 s. A receiver
that gives no speed is believed in steps of `BLIND_M_S`, and its noise is told from a drive by net
displacement alone.
"""

from collections import deque
from itertools import pairwise
from math import cos, exp, hypot, radians, sin

from msgspec import Struct
from msgspec.structs import replace

from device.core.fences import moved, offset_m

GAP_MS = 10_000
"""Over a longer time without fixes nothing is carried on."""

STRAIGHT_MS, TURN_DEG = 2_500, 20.0
"""Two fixes farther apart in time than this are joined by a straight way only if the course was kept."""

OTHER_MS, YOUNG_MS = 60_000, 15_000
"""How long another line must hold while the first could still be right, under way: as long as fixes bore
out the first, but no longer and no shorter than this."""

OTHER_STILL_MS, FRESH_MS, FRESH_FIXES = 120_000, 2_000, 3
"""How long another line must hold at rest, and when there is no first."""

HELD_BACK = 1_000
"""Points kept at most while there is doubt."""

GATE_M, GATE_HACC, WORST_M = 9.0, 1.2, 30.0
"""A fix fits within these metres and this many times its accuracy, of which no more than so much counts."""

STRAY_M_S, STRAY_STILL_M_S, STRAY_SHARE = 0.5, 0.02, 0.06
"""What a line carried on by speed alone may stray by: per second, per second at rest, per metre."""

MARGIN_M, MARGIN_HACC = 8.0, 2.5
"""A border farther away than this is on the side it seems to be: three sigma of an open sky."""

USUAL_M = 3.0
"""A fix farther than this from where it was expected makes the line less certain by the rest."""

BLIND_M_S = 40.0
USELESS_M = 100.0
"""A fix that admits to be worse than this says nothing of any border; its speed counts."""

SLOW_M_S, SLOW_MS, KEEPS_M = 1.0, 10_000, 8.0
"""Who gets less far than this, net, in this time, stands. A slower speed is noise."""

STARTS_M_S, STARTED_M, DRIVES_M_S = 1.5, 25.0, 4.0
"""Who stood is under way again when this speed and more has led so far away, net; who was not seen to
stand, at such a speed."""

PARKED_M = 100.0
"""Who stood before a gap and stands after it, nearer than this, has not moved."""

PULL_MS, PULL_STILL_MS = 5_000.0, 200_000.0
"""How fast a line follows its fixes: under way; and at rest at most, where it is their mean."""

LOOK_BACK_MS = 120_000
"""So far the way is gone over again after a doubt: longer than most bursts of multipath."""


class Sight(Struct, frozen=True):
    """One fix, in the time it is of (CLOCK_BOOTTIME ms); `hacc_m` as claimed; speed and course may lack."""

    t_ms: int
    lat: float
    lon: float
    hacc_m: float | None = None
    speed_m_s: float | None = None
    course_deg: float | None = None

    @property
    def claimed_m(self) -> float:
        """Its accuracy, 10 m where it claims none."""
        return 10.0 if self.hacc_m is None else self.hacc_m

    @property
    def velocity(self) -> tuple[float, float] | None:
        """Metres a second east and north; at rest nothing; None where it does not say."""
        if self.speed_m_s is None:
            return None
        if self.speed_m_s < SLOW_M_S:
            return 0.0, 0.0
        if self.course_deg is None:
            return None
        course = radians(self.course_deg)
        return self.speed_m_s * sin(course), self.speed_m_s * cos(course)

    @property
    def mirrored(self) -> "Sight":
        """The same as of a time that runs backward."""
        back = None if self.course_deg is None else (self.course_deg + 180) % 360
        return replace(self, t_ms=-self.t_ms, course_deg=back)


class Point(Struct, frozen=True):
    """Where the vehicle was at `t_ms`, within `margin_m`.

    `under_way`: it moves, or has just stopped. `joined`: it went straight here from the point before;
    else what lies between is not known. `hacc_m`: as the receiver claimed.
    """

    t_ms: int
    lat: float
    lon: float
    margin_m: float
    hacc_m: float | None
    under_way: bool
    joined: bool

    def mirrored(self, joined: bool) -> "Point":
        """The same as of a time that runs backward; `joined` to what is before it then."""
        return replace(self, t_ms=-self.t_ms, joined=joined)


class _Line:
    """A way that the vehicle may have come, carried on from fix to fix. Mutable."""

    def __init__(self, sight: Sight, under_way: bool) -> None:
        self.born_ms = self.t_ms = self.slow_ms = sight.t_ms
        self.lat, self.lon = sight.lat, sight.lon
        self.fixes, self.borne_ms = 1, 0
        self._velocity, self._course_deg = sight.velocity, sight.course_deg
        self._start = (0.0, 0.0)
        self._blind_start = sight.lat, sight.lon
        self.under_way = under_way or (sight.speed_m_s or 0.0) > DRIVES_M_S
        self._stray_m = self._doubt_m = 0.0
        self._claimed_m = sight.claimed_m
        self._told = deque([self._point(sight, joined=False)], maxlen=HELD_BACK)

    @property
    def still(self) -> bool:
        return not self.under_way

    def fits(self, sight: Sight) -> bool:
        """Whether the vehicle can be where the fix says, having come this way."""
        gap_ms = sight.t_ms - self.t_ms
        off_m = self._off_m(sight)
        if gap_ms > GAP_MS:
            return self.still and (sight.speed_m_s or 0.0) < SLOW_M_S and off_m < PARKED_M
        stray_m = self._stray_m + self._stray(sight, gap_ms / 1000)
        return off_m <= GATE_M + GATE_HACC * min(WORST_M, sight.claimed_m) + stray_m

    def take(self, sight: Sight) -> None:
        """Goes on to a fix that fits."""
        joined, gap_ms, off_m = self._joins(sight), sight.t_ms - self.t_ms, self._off_m(sight)
        self._carry(sight)
        worth = self._worth(sight)
        share = worth * self._share(min(gap_ms, GAP_MS), sight)
        east_m, north_m = offset_m(self.lat, self.lon, sight.lat, sight.lon)
        self.lat, self.lon = moved(self.lat, self.lon, share * east_m, share * north_m)
        self._claimed_m += share * (sight.claimed_m - self._claimed_m)
        self._stray_m *= 1 - share
        self._doubt_m = max(self._doubt_m * (1 - share), worth * (off_m - USUAL_M))
        self.fixes, self.borne_ms = self.fixes + 1, sight.t_ms - self.born_ms
        self._told.append(self._point(sight, joined))

    def coast(self, sight: Sight) -> None:
        """Goes on by the speed alone of a fix whose position is not believed."""
        if sight.t_ms - self.t_ms > GAP_MS or sight.velocity is None:
            return
        joined = self._joins(sight)
        self._stray_m += self._stray(sight, (sight.t_ms - self.t_ms) / 1000)
        self._carry(sight)
        self._told.append(self._point(sight, joined))

    def tell(self) -> list[Point]:
        """The points since it was asked last."""
        told = list(self._told)
        self._told.clear()
        return told

    def _ahead_m(self, sight: Sight) -> tuple[float, float]:
        """Metres east and north from here to where the speed leads by the time of the fix."""
        gap_ms, now = sight.t_ms - self.t_ms, sight.velocity
        if now is None or self._velocity is None or gap_ms > GAP_MS:
            return 0.0, 0.0
        if self.still and hypot(*now) < STARTS_M_S:
            return 0.0, 0.0
        half_s = gap_ms / 2000
        return (self._velocity[0] + now[0]) * half_s, (self._velocity[1] + now[1]) * half_s

    def _off_m(self, sight: Sight) -> float:
        east_m, north_m = offset_m(self.lat, self.lon, sight.lat, sight.lon)
        ahead = self._ahead_m(sight)
        return hypot(east_m - ahead[0], north_m - ahead[1])

    def _stray(self, sight: Sight, seconds: float) -> float:
        if sight.velocity is None or self._velocity is None:
            return BLIND_M_S * seconds
        per_s = STRAY_M_S if self.under_way else STRAY_STILL_M_S
        return per_s * seconds + STRAY_SHARE * hypot(*self._ahead_m(sight))

    def _share(self, gap_ms: int, sight: Sight) -> float:
        """How much of the way from where it should be to where the fix says it is followed."""
        if sight.velocity is None or self._velocity is None:
            return 1.0
        pull_ms = PULL_MS
        if self.still:
            pull_ms = max(PULL_MS, min(PULL_STILL_MS, float(sight.t_ms - self.slow_ms)))
        return 1 - exp(-gap_ms / pull_ms)

    def _worth(self, sight: Sight) -> float:
        """How good a fix is by its claim, against what the line was made of: 1 or less."""
        return min(1.0, self._claimed_m / sight.claimed_m) ** 2 if sight.claimed_m else 1.0

    def _joins(self, sight: Sight) -> bool:
        gap_ms = sight.t_ms - self.t_ms
        if gap_ms <= STRAIGHT_MS or self.still:
            return True
        if gap_ms > GAP_MS or self._course_deg is None or sight.course_deg is None:
            return False
        return abs((sight.course_deg - self._course_deg + 180) % 360 - 180) < TURN_DEG

    def _carry(self, sight: Sight) -> None:
        east_m, north_m = self._ahead_m(sight)
        self.lat, self.lon = moved(self.lat, self.lon, east_m, north_m)
        self._watch(sight, east_m, north_m)
        self._velocity, self._course_deg = sight.velocity, sight.course_deg
        self.t_ms = sight.t_ms

    def _watch(self, sight: Sight, east_m: float, north_m: float) -> None:
        """Whether it stands: net displacement by speed from where it stood, never the way's length."""
        needed_m = KEEPS_M if self.under_way else STARTED_M
        self._start = self._start[0] + east_m, self._start[1] + north_m
        if sight.velocity is None:
            self._start = offset_m(*self._blind_start, sight.lat, sight.lon)
            needed_m = max(needed_m, 2.5 * sight.claimed_m)
        if hypot(*self._start) >= needed_m:
            self.under_way, self.slow_ms = True, sight.t_ms
            self._start, self._blind_start = (0.0, 0.0), (sight.lat, sight.lon)
        elif sight.t_ms - self.slow_ms >= SLOW_MS:
            self.under_way = False
            if sight.velocity is not None and hypot(*sight.velocity) < STARTS_M_S:
                self._start = (0.0, 0.0)

    def _point(self, sight: Sight, joined: bool) -> Point:
        margin_m = max(MARGIN_M, MARGIN_HACC * self._claimed_m) + self._stray_m + self._doubt_m
        return Point(sight.t_ms, self.lat, self.lon, margin_m, sight.hacc_m, self.under_way, joined)


class Whereabouts:
    """Takes fixes, gives the points that can be believed by now."""

    def __init__(self) -> None:
        self._main: _Line | None = None
        self._other: _Line | None = None
        self._newest_ms: int | None = None
        self._seen: deque[Sight] = deque()
        self._doubted = self._settled = False

    def offer(self, sight: Sight) -> list[Point]:
        """Points, in order; none while there is doubt. A fix not newer than the newest says nothing."""
        if self._newest_ms is not None and sight.t_ms <= self._newest_ms:
            return []
        self._newest_ms = sight.t_ms
        self._seen.append(sight)
        while self._seen[0].t_ms < sight.t_ms - LOOK_BACK_MS:
            self._seen.popleft()
        useful = sight.claimed_m <= USELESS_M
        if useful and self._main and self._main.fits(sight):
            self._main.take(sight)
            self._other = None
            self._settled, self._doubted = self._doubted, False
            return self._main.tell()
        self._doubted = True
        if self._main:
            self._main.coast(sight)
        return self._doubt(sight) if useful else []

    def _doubt(self, sight: Sight) -> list[Point]:
        other = self._other
        if other is None or not other.fits(sight):
            self._other = _Line(sight, self._main is not None and self._main.under_way)
            return []
        other.take(sight)
        if not self._proven(other):
            return []
        self._main, self._other = other, None
        self._settled, self._doubted = True, False
        return other.tell()

    def _proven(self, other: _Line) -> bool:
        main, held_ms = self._main, other.t_ms - other.born_ms
        if main and main.still and other.still:
            return held_ms >= OTHER_STILL_MS
        if main is None or other.t_ms - main.t_ms > GAP_MS:
            return held_ms >= FRESH_MS and other.fixes >= FRESH_FIXES
        return held_ms >= min(OTHER_MS, max(YOUNG_MS, main.borne_ms))

    def look_back(self) -> list[Point]:
        """Once after a doubt was settled: the way to here as it looks from here, in order; else none."""
        if not self._settled or self._main is None:
            return []
        self._settled = False
        sights = [sight.mirrored for sight in reversed(self._seen)]
        line = _Line(sights[0], self._main.under_way)
        for later, sight in pairwise(sights):
            if sight.t_ms - later.t_ms > GAP_MS:
                break
            if sight.claimed_m <= USELESS_M and line.fits(sight):
                line.take(sight)
            else:
                line.coast(sight)
        told = line.tell()
        joins = [*(point.joined for point in told[1:]), False]
        way = [point.mirrored(joined) for point, joined in zip(told, joins, strict=True)]
        return way[::-1]
