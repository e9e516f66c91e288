"""What a GNSS receiver in a town makes of the truth: errors as they are, and as it admits them.

The model, per axis where it applies, and where its numbers come from:
- a wandering error: Gauss-Markov of the first order, 2.5 m, 60 s (the usual model of residual
  atmosphere, orbit and filter errors; Kaplan and Hegarty, Understanding GPS/GNSS, ch. 9 to 10; the GPS SPS
  Performance Standard 2020 gives 7 m at 95 % for signal errors alone, receivers with several
  constellations do better), and 0.4 m white;
- multipath in streets: bursts, one in 150 s on average, lasting 2 s and 14 s more on average (at most
  100 s), 20 to 200 m off (log-uniform; Tracelet's outliers were about 200 m), sudden in two of three, else
  sliding there at 4 to 15 m/s; the claimed accuracy stays good (1.5 to 4 m) in 6 of 10, and admits half of
  it otherwise;
- speed from Doppler: 0.15 m/s, in a burst 0.7 m/s with a memory of 3 s; 0.3 s late, as receivers smooth it;
- tunnels and drop-outs: one in 8 minutes, 5 to 120 s, then an error of 15 m that fades within 5 s;
- latency: 60 to 250 ms from the second it speaks of to the first byte.

What it is not: a ray tracer. Bursts do not depend on the street, and a receiver whose Doppler follows its
multipath for long is not modelled.
"""

import math
import random
from collections.abc import Iterable, Iterator

from msgspec import Struct

from device.core.events import Fix
from device.core.fences import moved
from sim.drive.truth import LAT, LON, Truth

WANDER_M, WANDER_S, WHITE_M = 2.5, 60.0, 0.4
BURST_EVERY_S, BURST_S, BURST_AT_MOST_S, BURST_M = 150.0, 14.0, 100.0, (20.0, 200.0)
TUNNEL_EVERY_S, TUNNEL_S, LOST_M, FADE_S = 480.0, (5.0, 120.0), 15.0, 5.0
DOPPLER_M_S, DOPPLER_BURST_M_S, DOPPLER_LATE = 0.15, 0.7, 3


class _Burst(Struct, frozen=True):
    begin_s: float
    end_s: float
    east_m: float
    north_m: float
    slide_s: float
    admitted: float

    def off_m(self, now_s: float) -> tuple[float, float]:
        share = min(1.0, (now_s - self.begin_s) / self.slide_s) if self.slide_s else 1.0
        return share * self.east_m, share * self.north_m


class Receiver:
    """One receiver in one drive; `hz` fixes a second. The same seed, the same errors."""

    def __init__(self, seed: int, hz: int, utc0_ms: int, multipath: float = 1.0) -> None:
        self._dice = random.Random(f"receiver {seed}")
        self._every_ms, self._utc0_ms, self._multipath = 1000 // hz, utc0_ms, multipath
        self._wander = [self._dice.gauss(0, WANDER_M), self._dice.gauss(0, WANDER_M)]
        self._doppler = [0.0, 0.0]
        self._burst: _Burst | None = None
        self._next_burst_s = self._dice.expovariate(multipath / BURST_EVERY_S)
        self._dark = self._tunnel(0.0)
        self._velocities: list[tuple[float, float]] = []

    def see(self, way: Iterable[Truth]) -> Iterator[Fix]:
        """The fixes of a way."""
        for here in way:
            course = math.radians(here.course_deg)
            velocity = here.speed_m_s * math.sin(course), here.speed_m_s * math.cos(course)
            self._velocities = [*self._velocities, velocity][-DOPPLER_LATE - 1 :]
            if here.t_ms % self._every_ms == 0:
                fix = self._fix(here)
                if fix:
                    yield fix

    def _fix(self, here: Truth) -> Fix | None:
        now_s = here.t_ms / 1000
        off = self._errors(now_s)
        if self._dark[0] <= now_s < self._dark[1]:
            return None
        lost = 0.0
        if now_s >= self._dark[1]:
            lost = math.exp(-(now_s - self._dark[1]) / FADE_S)
            if lost < 0.01:
                self._dark = self._tunnel(now_s)
        east_m = here.east_m + off[0] + lost * LOST_M * math.sin(self._dark[0])
        north_m = here.north_m + off[1] + lost * LOST_M * math.cos(self._dark[0])
        lat, lon = moved(LAT, LON, east_m, north_m)
        east_m_s, north_m_s = (
            v + d for v, d in zip(self._velocities[0], self._doppler, strict=True)
        )
        speed_m_s = math.hypot(east_m_s, north_m_s)
        return Fix(
            up_ms=here.t_ms + self._dice.randint(60, 250),
            lat=lat,
            lon=lon,
            utc_ms=self._utc0_ms + here.t_ms,
            clock_ok=True,
            speed_m_s=speed_m_s,
            course_deg=math.degrees(math.atan2(east_m_s, north_m_s)) % 360,
            hacc_m=self._claim(off) + lost * LOST_M,
        )

    def _errors(self, now_s: float) -> tuple[float, float]:
        """Metres east and north off, at this moment; steps all that wanders."""
        step_s = self._every_ms / 1000
        keep = math.exp(-step_s / WANDER_S)
        grow = WANDER_M * math.sqrt(1 - keep * keep)
        self._wander = [keep * w + self._dice.gauss(0, grow) for w in self._wander]
        burst = self._bursting(now_s)
        sigma, memory = (DOPPLER_BURST_M_S, math.exp(-step_s / 3)) if burst else (DOPPLER_M_S, 0.0)
        grow = sigma * math.sqrt(1 - memory * memory)
        self._doppler = [memory * d + self._dice.gauss(0, grow) for d in self._doppler]
        off = burst.off_m(now_s) if burst else (0.0, 0.0)
        white = self._dice.gauss(0, WHITE_M), self._dice.gauss(0, WHITE_M)
        return self._wander[0] + off[0] + white[0], self._wander[1] + off[1] + white[1]

    def _bursting(self, now_s: float) -> _Burst | None:
        if self._burst and now_s >= self._burst.end_s:
            self._burst = None
            self._next_burst_s = now_s + self._dice.expovariate(self._multipath / BURST_EVERY_S)
        if self._burst is None and now_s >= self._next_burst_s:
            self._burst = self._new_burst(now_s)
        return self._burst

    def _new_burst(self, now_s: float) -> _Burst:
        dice = self._dice
        far_m = math.exp(dice.uniform(math.log(BURST_M[0]), math.log(BURST_M[1])))
        angle = dice.uniform(0, 2 * math.pi)
        return _Burst(
            now_s,
            now_s + min(BURST_AT_MOST_S, 2 + dice.expovariate(1 / BURST_S)),
            far_m * math.sin(angle),
            far_m * math.cos(angle),
            0.0 if dice.random() < 2 / 3 else far_m / dice.uniform(4, 15),
            0.0 if dice.random() < 0.6 else 0.5,
        )

    def _claim(self, off: tuple[float, float]) -> float:
        admitted = self._burst.admitted if self._burst else 0.0
        return self._dice.uniform(1.5, 4.0) + admitted * math.hypot(*off)

    def _tunnel(self, now_s: float) -> tuple[float, float]:
        begin_s = now_s + self._dice.expovariate(1 / TUNNEL_EVERY_S)
        return begin_s, begin_s + self._dice.uniform(*TUNNEL_S)
