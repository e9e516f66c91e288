"""Who is updated next, and when no more are: one unit, then ten, then a tenth of the fleet, then all. Pure.

A wave is over when as many units have proven the new software. A unit that failed makes room for another; more
failures than the limit stop it all. Only units that are there are asked, and never more than a few at once.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

AT_ONCE = 25
"""Under way at the same time, for the link's sake and the gateway's."""

ABSENT_MS = 3_600_000
"""An order without an answer for so long holds nobody up; it stays good."""

LINGER_MS = 6 * 3_600_000
"""A unit that is there, and finds no quiet moment or has a slow link, holds nobody up for longer."""

SILENT_MS = 3_600_000
"""A unit that took the update and was not heard of for so long counts as failed: nothing worse can happen."""

Stage = Literal["waiting", "ordered", "under-way", "done", "failed"]


class Member(Struct, frozen=True):
    """A unit of a roll-out. `since_ms`: when it came to its stage; `heard_ms`: its last word, None if never."""

    unit: str
    stage: Stage
    since_ms: int
    online: bool
    heard_ms: int | None = None
    why: str | None = None


class Step(Struct, frozen=True):
    """What is to be done now: `order` to these units; `state`: how the roll-out stands after it, and `why`.

    `target`: how many are to be done in this wave. `silent`: units that count as failed from now on.
    """

    state: Literal["running", "stopped", "done"]
    target: int
    order: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    why: str | None = None


def waves(count: int) -> tuple[int, ...]:
    """How many units are to be done after each wave, of `count`."""
    targets: list[int] = []
    for wave in (1, 10, -(-count // 10), count):
        target = min(count, wave)
        if target > (targets[-1] if targets else 0):
            targets.append(target)
    return tuple(targets)


def step(members: Sequence[Member], most_failures: int, now_ms: int) -> Step:
    """The next step; `members` in the order in which they are to be taken."""
    silent = tuple(one.unit for one in members if _is_silent(one, now_ms))
    failed = [one.unit for one in members if one.stage == "failed" or one.unit in silent]
    done = sum(one.stage == "done" for one in members)
    targets = waves(len(members) - len(failed))
    target = next((wave for wave in targets if wave > done), done)
    if len(failed) > most_failures:
        why = f"{len(failed)} failed, more than {most_failures}: {', '.join(failed[:10])}"
        return Step("stopped", target, silent=silent, why=why)
    if done + len(failed) == len(members):
        return Step("done", target, silent=silent)
    busy = sum(_is_busy(one, now_ms) and one.unit not in silent for one in members)
    room = max(0, min(target - done, AT_ONCE) - busy)
    ready = [one.unit for one in members if one.stage == "waiting" and one.online]
    return Step("running", target, tuple(ready[:room]), silent)


def _is_busy(one: Member, now_ms: int) -> bool:
    if one.stage == "ordered":
        return now_ms - one.since_ms < ABSENT_MS
    return one.stage == "under-way" and now_ms - one.since_ms < LINGER_MS


def _is_silent(one: Member, now_ms: int) -> bool:
    heard_ms = max(one.since_ms, one.heard_ms or 0)
    return one.stage == "under-way" and not one.online and now_ms - heard_ms > SILENT_MS
