"""What befalls whom when, and for how long: the same for the same seed. Pure."""

import random
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from msgspec import Struct

Where = Literal["unit", "ingest", "forward", "broker", "platform", "gateway"]
"""Whose fault it is; `gateway` is ingest, forward and their store together."""

QUIET_S = (6.0, 8.0)
"""At the start all is well, so that every unit is known; at the end, so that what heals is seen to."""

REST_S = 2.0
"""Between two faults of the same target."""

SHORTEST_S = sum(QUIET_S) + 10


class Kind(Struct, frozen=True):
    """A kind of fault: whose, how often beside the others, and how long it lasts (seconds).

    `destroys`: a medium is damaged on purpose, and records may be lost with it. `cuts`: the link of its
    target does not carry anything meanwhile, and heals with its end. `hinders`: a tap may be held up by it.
    """

    name: str
    where: Where
    weight: int
    lasts_s: tuple[float, float]
    destroys: bool = False
    cuts: bool = False
    hinders: bool = True


KINDS = (
    Kind("unit killed", "unit", 12, (0.0, 1.5)),
    Kind("unit killed at a point", "unit", 5, (6.0, 8.0)),
    Kind("link cut", "unit", 8, (1.0, 15.0), cuts=True),
    Kind("link half open", "unit", 5, (2.0, 15.0), cuts=True),
    Kind("link dead", "unit", 5, (2.0, 15.0), cuts=True),
    Kind("link slow", "unit", 5, (5.0, 15.0)),
    Kind("link shaped", "unit", 4, (5.0, 15.0)),
    Kind("link lossy", "unit", 5, (5.0, 15.0)),
    Kind("disk full", "unit", 6, (2.0, 8.0)),
    Kind("disk read-only", "unit", 4, (3.0, 8.0)),
    Kind("torn page", "unit", 3, (0.5, 1.0), destroys=True),
    Kind("torn write-ahead log", "unit", 3, (0.5, 1.0), destroys=True),
    Kind("lost write-ahead log", "unit", 3, (0.5, 1.0), destroys=True),
    Kind("old card image", "unit", 4, (6.0, 15.0), destroys=True),
    Kind("clock stepped by minutes", "unit", 4, (4.0, 12.0), hinders=False),
    Kind("clock stepped by years", "unit", 4, (4.0, 12.0), hinders=False),
    Kind("ingest killed", "ingest", 5, (0.0, 1.0)),
    Kind("ingest killed at a point", "ingest", 4, (6.0, 8.0)),
    Kind("ingest cut off", "ingest", 2, (1.0, 5.0)),
    Kind("delivery repeated", "ingest", 4, (4.0, 10.0), hinders=False),
    Kind("delivery reordered", "ingest", 4, (4.0, 10.0), hinders=False),
    Kind("forward killed", "forward", 5, (0.0, 1.0)),
    Kind("forward killed at a point", "forward", 4, (6.0, 8.0)),
    Kind("old gateway backup", "gateway", 2, (6.0, 12.0)),
    Kind("broker killed", "broker", 3, (0.2, 5.0), cuts=True),
    Kind("broker wiped", "broker", 3, (0.2, 2.0), cuts=True),
    Kind("platform failing", "platform", 3, (2.0, 6.0)),
    Kind("platform stalling", "platform", 3, (2.0, 6.0)),
    Kind("platform refusing", "platform", 3, (0.5, 2.0)),
    Kind("platform killed", "platform", 2, (0.2, 2.0)),
)
BY_NAME = {kind.name: kind for kind in KINDS}
LANES: dict[Where, tuple[Where, ...]] = {"gateway": ("ingest", "forward", "platform")}
"""Targets that one fault takes all to itself, if not just its own."""


class Fault(Struct, frozen=True):
    """One fault: seconds after the start of the run, `target` a unit's name or what `Where` says.

    `dice`: the fault's own chance, for whatever else of it is left to chance.
    """

    at_s: float
    kind: str
    target: str
    lasts_s: float
    dice: int


def schedule(
    seed: int, for_s: float, units: Sequence[str], count: int, without: Collection[str] = ()
) -> tuple[Fault, ...]:
    """`count` faults over `for_s` seconds, in order of time, none of the kinds `without`.

    Every kind comes before any comes more often than its weight. A target that has no time left for
    another fault gets none: there may be fewer than `count`.
    """
    dice = random.Random(seed)
    free_s: dict[str, float] = {}
    faults = []
    kinds = _kinds(dice, [kind for kind in KINDS if kind.name not in without])
    first_s, last_s = QUIET_S[0], for_s - QUIET_S[1]
    for number in range(count):
        at_s = first_s + (last_s - first_s) * (number + dice.random()) / count
        fault = _one(dice, next(kinds), at_s, last_s, units, free_s)
        if fault is None:
            fault = _one(dice, BY_NAME["unit killed"], at_s, last_s, units, free_s)
        if fault:
            faults.append(fault)
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _kinds(dice: random.Random, kinds: list[Kind]) -> Iterator[Kind]:
    """All kinds once, then by weight."""
    first = list(kinds)
    dice.shuffle(first)
    yield from first
    while True:
        yield dice.choices(kinds, [kind.weight for kind in kinds])[0]


def _one(
    dice: random.Random,
    kind: Kind,
    at_s: float,
    last_s: float,
    units: Sequence[str],
    free_s: dict[str, float],
) -> Fault | None:
    """One fault of `kind`; None where all of its targets are still busy with another, or time is up."""
    targets = units if kind.where == "unit" else (kind.where,)
    lanes = {target: LANES.get(kind.where, (target,)) for target in targets}
    idle = [t for t in targets if all(free_s.get(lane, 0.0) <= at_s for lane in lanes[t])]
    lasts_s = min(dice.uniform(*kind.lasts_s), last_s - at_s)
    own = dice.getrandbits(32)
    if not idle or lasts_s < kind.lasts_s[0]:
        return None
    target = dice.choice(idle)
    free_s.update(dict.fromkeys(lanes[target], at_s + lasts_s + REST_S))
    return Fault(round(at_s, 3), kind.name, target, round(lasts_s, 3), own)
