"""Holds the truth against what a unit recorded: passes found, entries that were none, bounds that hold."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import hypot

from msgspec import Struct

from device.core.clock import Anchor, ClockKeeper
from device.core.economy import Economy
from device.core.effects import Keep
from device.core.events import Fix
from device.core.moment import Now
from device.core.picture import Picture
from device.core.rounds import Rounds
from device.core.scribe import Scribe
from sim.drive.truth import Circle, Truth
from wire.orders import Place, UnitConfig
from wire.records import Arrive, Checkin, Leave, Record

EDGE_MS = 15_000
"""What begins or ends this near to a drive's ends is not judged."""

LAPSE_MS = 2_500
"""Fixes farther apart than this are a drop-out."""

APART_MS = 15_000
"""An arrival whose bounds are this far from a pass belongs to another."""

FLAP_M = 20.0
"""Who comes back without having been this far outside the border has not left."""

DEEP_M = 4.0
"""A pass no deeper than this grazes the border: errors of several metres decide whether it is seen."""

FAR_M = 10.0
"""An entry of which the vehicle was never this near to the place is no matter of the border's few metres."""


class Pass(Struct, frozen=True):
    """A true stay within a place, from the drive's beginning in ms; `deep_m`: how far within it got."""

    place: str
    enter_ms: int
    leave_ms: int
    deep_m: float


class Tally(Struct):
    """Sums over drives. `seen`: passes with fixes throughout; `deep`: those of them deeper than `DEEP_M`;
    `found` of `passes`, and so on. `far_entries`: the false ones that were never within `FAR_M`. Mutable."""

    passes: int = 0
    found: int = 0
    seen: int = 0
    seen_found: int = 0
    deep: int = 0
    deep_found: int = 0
    entries: int = 0
    false_entries: int = 0
    far_entries: int = 0
    bounds: int = 0
    bounds_hold: int = 0
    widths_ms: list[int] = []
    missed: list[Pass] = []


class Witness:
    """A vehicle's desk of rounds with a clock, fed with fixes alone."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._clock, self._anchored = ClockKeeper(0), False
        picture = Picture("v-1", "vehicle", "9c1b22f0", "sim", Economy())
        self._rounds = Rounds(
            "vehicle", self._clock, Scribe("9c1b22f0", self._clock, picture), picture
        )
        self._rounds.configure(UnitConfig(places=list(places)))
        self._take = self._rounds.handlers()[Fix]

    def take(self, fix: Fix) -> list[Record]:
        """What the fix led to."""
        if fix.utc_ms is not None and not self._anchored:
            self._anchored = self._clock.learn(Anchor(fix.up_ms, fix.utc_ms, "gnss", 300))
        effects = self._take(fix, Now(fix.up_ms, 0))
        return [effect.record for effect in effects if isinstance(effect, Keep)]


def passes(way: Iterable[Truth], circles: Sequence[Circle]) -> Iterator[Pass]:
    """The true stays within places, in the order in which they ended; back within `FLAP_M` is one stay."""
    since: dict[str, Pass] = {}
    for here in way:
        for circle in circles:
            aside_m = abs(here.east_m - circle.east_m)
            if aside_m > circle.radius_m and circle.id not in since:
                continue
            deep_m = circle.radius_m - hypot(aside_m, here.north_m - circle.north_m)
            if deep_m >= 0:
                held = since.get(circle.id) or Pass(circle.id, here.t_ms, 0, 0.0)
                deepest_m = max(held.deep_m, deep_m)
                since[circle.id] = Pass(circle.id, held.enter_ms, here.t_ms, deepest_m)
            elif deep_m < -FLAP_M and circle.id in since:
                yield since.pop(circle.id)


class Verdict:
    """One drive's judgement. `beside`: stays within `FAR_M` of places; `utc0_ms`: UTC at its beginning."""

    def __init__(
        self, true: Sequence[Pass], beside: Sequence[Pass], fix_ms: Sequence[int], utc0_ms: int
    ) -> None:
        self._true, self._beside = true, beside
        self._fix_ms, self._utc0_ms = fix_ms, utc0_ms

    def add(self, records: Sequence[Record], tally: Tally) -> None:
        """Adds this drive to `tally`."""
        arrivals = [r for r in records if isinstance(r, Arrive)]
        leaves = [r for r in records if isinstance(r, Leave)]
        if len([r for r in records if isinstance(r, Checkin)]) != len(arrivals):
            raise RuntimeError("a check-in for each arrival, and no other")
        taken: set[int] = set()
        for stay in self._true:
            arrival = self._match(stay, stay.enter_ms, arrivals, taken)
            if self._judged(stay):
                self._count(stay, arrival, tally)
                leave = self._match(stay, stay.leave_ms, leaves, set())
                if arrival and leave:
                    self._bound(stay.enter_ms, arrival, tally)
                    self._bound(stay.leave_ms, leave, tally)
        tally.entries += len(arrivals)
        false = [arrival for number, arrival in enumerate(arrivals) if number not in taken]
        tally.false_entries += len(false)
        tally.far_entries += sum(self._is_far(arrival) for arrival in false)

    def _match(
        self, stay: Pass, at_ms: int, crossings: Sequence[Arrive | Leave], taken: set[int]
    ) -> Arrive | Leave | None:
        """The crossing of that place whose bounds are nearest to the moment."""
        nearest, apart_ms = None, APART_MS
        for number, crossing in enumerate(crossings):
            if crossing.place != stay.place or number in taken:
                continue
            off_ms = self._apart_ms(crossing, at_ms, at_ms)
            if off_ms < apart_ms:
                nearest, apart_ms = number, off_ms
        if nearest is None:
            return None
        taken.add(nearest)
        return crossings[nearest]

    def _is_far(self, arrival: Arrive) -> bool:
        return not any(
            stay.place == arrival.place
            and self._apart_ms(arrival, stay.enter_ms, stay.leave_ms) < APART_MS
            for stay in self._beside
        )

    def _apart_ms(self, crossing: Arrive | Leave, begin_ms: int, end_ms: int) -> int:
        """How far its bounds are from that time; 0: they meet."""
        earliest_ms, latest_ms = crossing.earliest_ms or 0, crossing.latest_ms or 0
        return max(earliest_ms - self._utc0_ms - end_ms, begin_ms - latest_ms + self._utc0_ms, 0)

    def _judged(self, stay: Pass) -> bool:
        return stay.enter_ms > EDGE_MS and stay.leave_ms < self._fix_ms[-1] - EDGE_MS

    def _count(self, stay: Pass, arrival: Arrive | Leave | None, tally: Tally) -> None:
        tally.passes += 1
        tally.found += arrival is not None
        if self._lapsed(stay):
            return
        tally.seen += 1
        tally.seen_found += arrival is not None
        if stay.deep_m > DEEP_M:
            tally.deep += 1
            tally.deep_found += arrival is not None
        if arrival is None:
            tally.missed.append(stay)

    def _lapsed(self, stay: Pass) -> bool:
        """Whether fixes were missing between just before and just after."""
        around = [ms for ms in self._fix_ms if stay.enter_ms - 3000 < ms < stay.leave_ms + 3000]
        ends = [stay.enter_ms - 2000, *around, stay.leave_ms + 2000]
        return any(b - a > LAPSE_MS for a, b in pairwise(ends))

    def _bound(self, at_ms: int, crossing: Arrive | Leave, tally: Tally) -> None:
        earliest_ms, latest_ms = crossing.earliest_ms or 0, crossing.latest_ms or 0
        tally.bounds += 1
        tally.bounds_hold += earliest_ms <= at_ms + self._utc0_ms <= latest_ms
        if crossing.earliest_ms is not None:
            tally.widths_ms.append(latest_ms - earliest_ms)
