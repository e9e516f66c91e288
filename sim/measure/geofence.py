"""Geofence check-ins against the truth of a made-up town: passes found, nights without an entry, the cost.

Judged are passes with fixes from just before to just after them, grazes included. A graze (4 m deep or
less) is decided by errors as large as itself: 2.5 m to either side alone would lose 1 in 4 of them. The
unit counts one sigma (2.7 m) in favour of the patrol; what that costs are entries that were none by a few
metres, in a row of their own, and none of a vehicle that stands. Who comes back without having been 20 m
outside has not left: one stay, as the dwell of a geofence demands.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from sim.drive.judge import DEEP_M, FAR_M, Tally, Verdict, Witness, passes
from sim.drive.receiver import Receiver
from sim.drive.truth import Circle, Town, parked
from sim.measure.row import Row
from wire.orders import Place
from wire.records import Arrive, Leave, Record

UTC0_MS = 1_795_000_000_000
HOUR_S, NIGHT_S = 3_600, 86_400
SEEDS = range(9_200, 9_216)
"""Kept for the figure: the algorithm was made on others, below 1,000."""

FAST_SEEDS = range(9_300, 9_303)
NIGHTS = range(9_200, 9_204)
OUTSIDE_M = 20.0
MANY = 5_000


def measure(folder: Path) -> Iterator[Row]:
    """Drives at 1 and 5 Hz, nights just outside a border and within one, and the cost with many places."""
    del folder
    tally = Tally()
    for seed in SEEDS:
        drive(seed, 1, tally)
    for seed in FAST_SEEDS:
        drive(seed, 5, tally)
    yield from _of_drives(tally)
    nights = [night(seed, OUTSIDE_M) for seed in NIGHTS]
    yield Row(
        f"false entries, {len(nights)} nights of 24 h, 20 m outside",
        sum(map(len, nights)),
        "",
        at_most=0,
    )
    within = [r for r in night(NIGHTS[0], -25.0) if isinstance(r, Arrive | Leave)]
    yield Row("arrivals and leaves, one night 25 m within", len(within), "", at_most=1)
    yield Row(f"a fix with {MANY:,} places in the city", cost_us(spread=True), "us", at_most=500)
    yield Row(f"a fix with {MANY:,} places within a kilometre", cost_us(spread=False), "us")


def _of_drives(tally: Tally) -> Iterator[Row]:
    seen = f"of {tally.seen:,} true passes with fixes, grazes too, found"
    yield Row(seen, 100 * tally.seen_found / tally.seen, "%", at_least=99)
    deep = f"  of {tally.deep:,} deeper than {DEEP_M:.0f} m, found"
    yield Row(deep, 100 * tally.deep_found / tally.deep, "%", at_least=99)
    grazes, grazes_found = tally.seen - tally.deep, tally.seen_found - tally.deep_found
    yield Row(f"  of {grazes:,} grazes, found", 100 * grazes_found / grazes, "%")
    every = f"of {tally.passes:,} true passes, drop-outs too, found"
    yield Row(every, 100 * tally.found / tally.passes, "%")
    wrong = f"of {tally.entries:,} entries under way, not true"
    yield Row(wrong, 100 * tally.false_entries / tally.entries, "%")
    far = f"  and never within {FAR_M:.0f} m of the place"
    yield Row(far, 100 * tally.far_entries / tally.entries, "%")
    hold = 100 * tally.bounds_hold / tally.bounds
    yield Row("bounds of arrive and leave that hold the truth", hold, "%", at_least=99)
    yield Row("width of those bounds, median", median(tally.widths_ms) / 1000, "s")


def drive(seed: int, hz: int, tally: Tally, seconds: int = HOUR_S) -> None:
    """One drive in one town, added to `tally`."""
    town = Town(seed)
    way = list(town.drive(seed, seconds))
    witness = Witness([circle.place() for circle in town.circles])
    records: list[Record] = []
    fix_ms: list[int] = []
    for fix in Receiver(seed, hz, UTC0_MS).see(way):
        fix_ms.append((fix.utc_ms or UTC0_MS) - UTC0_MS)
        records += witness.take(fix)
    true, beside = passes(way, town.circles), passes(way, town.widened(FAR_M))
    Verdict(list(true), list(beside), fix_ms, UTC0_MS).add(records, tally)


def night(seed: int, outside_m: float, seconds: int = NIGHT_S) -> list[Record]:
    """What is recorded while the vehicle stands so far outside a border, among twice the multipath."""
    circle = Circle("pl-0", 0.0, 0.0, 30.0 + 10.0 * (seed % 8))
    witness = Witness([circle.place()])
    records: list[Record] = []
    way = parked(circle.radius_m + outside_m, 0.0, seconds)
    for fix in Receiver(seed, 1, UTC0_MS, multipath=2.0).see(way):
        records += witness.take(fix)
    return records


def cost_us(spread: bool) -> float:
    """Microseconds for one fix of a drive, places over the city (30 km) or all within a kilometre."""
    town, wide_m = Town(1), 30_000.0 if spread else 1_000.0
    places = [_placed(number, wide_m) for number in range(MANY)]
    fixes = list(Receiver(1, 1, UTC0_MS).see(town.drive(1, 600)))
    witness = Witness(places)
    begun_s = time.perf_counter()
    for fix in fixes:
        witness.take(fix)
    return (time.perf_counter() - begun_s) / len(fixes) * 1e6


def _placed(number: int, wide_m: float) -> Place:
    row, column = divmod(number, 71)
    east_m, north_m = (column / 71 - 0.5) * wide_m, (row / 71 - 0.5) * wide_m
    return Circle(f"pl-{number}", east_m, north_m, 50.0).place()
