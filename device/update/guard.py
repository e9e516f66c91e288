"""Which of two slots the software starts from, and the way back from one that does not prove itself.

    /usr/bin/python3 -I guard.py start|late [--root /opt/xunkong] [--keep /var/lib/xunkong/update]

Provisioning copies this file to /opt/xunkong/guard.py, outside the slots: whatever is wrong with the software in
one of them, this runs. So it needs nothing but Python's standard library, and knows nothing of the software.
`start` runs before each start of the unit, `late` every minute: 0 means that it went back just now.

What counts stands in one file, `<keep>/state.json`, which is replaced as a whole; the link `<root>/current` only
follows it. Cut at any moment, either the old state stands or the new one, and each names a slot that was whole on
the medium before it was named. Its format (`v` 1) may gain fields, and lose none: an older guard reads it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

SLOTS = ("a", "b")
STARTS = 2
"""A software on trial that is to be started once more than this without having proved itself is left: with the
start that led there and the one that leads back, that stays within the five that systemd allows in a row."""

WITHIN_MS = 600_000


@dataclass(frozen=True)
class Content:
    """What is in a slot, whole; `sha256` None: put there by hand."""

    version: str
    sha256: str | None = None


@dataclass(frozen=True)
class Trial:
    """Since `since_ms` (CLOCK_BOOTTIME of `boot`) a slot is tried, for `within_ms`; `starts` of it so far."""

    slot: str
    starts: int = 0
    boot: str = ""
    since_ms: int = 0
    within_ms: int = WITHIN_MS


@dataclass(frozen=True)
class Said:
    """What came of the last wish, for the unit to tell: of which order, and why."""

    order: str
    outcome: str
    why: str | None = None


@dataclass(frozen=True)
class State:
    """`good`: the slot that proved itself last. What is in a slot is None while it is not whole."""

    good: str
    slots: Mapping[str, Content | None]
    trial: Trial | None = None
    order: str = ""
    said: Said | None = None

    @property
    def chosen(self) -> str:
        """The slot to start from."""
        return self.trial.slot if self.trial else self.good

    @property
    def idle(self) -> str:
        """The slot that may be written: never the one that is in use, nor the good one."""
        return SLOTS[1 - SLOTS.index(self.good)]


# What changes it; pure


def tried(state: State, order: str, within_ms: int = WITHIN_MS) -> State:
    """The idle slot is to be started from. Raises ValueError where that cannot be."""
    if state.trial is not None:
        raise ValueError("another software is on trial")
    if state.slots.get(state.idle) is None:
        raise ValueError(f"slot {state.idle} is not whole")
    return replace(state, trial=Trial(state.idle, within_ms=within_ms), order=order, said=None)


def passed(state: State) -> State:
    """The software on trial proved itself."""
    if state.trial is None:
        return state
    return replace(state, good=state.trial.slot, trial=None, said=Said(state.order, "passed"))


def back(state: State, why: str) -> State:
    """The software on trial is left; it stays in its slot until another one comes."""
    if state.trial is None:
        return state
    return replace(state, trial=None, said=Said(state.order, "back", why))


def started(state: State, boot: str, up_ms: int) -> State:
    """The software is about to start, in this boot; `up_ms` by CLOCK_BOOTTIME."""
    state = looked(state, boot, up_ms)
    trial = state.trial
    if trial is None:
        return state
    if trial.starts >= STARTS:
        return back(state, f"started {STARTS} times without proving itself")
    same = trial.boot == boot
    since_ms = trial.since_ms if same else up_ms
    return replace(
        state, trial=replace(trial, starts=trial.starts + 1, boot=boot, since_ms=since_ms)
    )


def looked(state: State, boot: str, up_ms: int) -> State:
    """Time passed. What was never started, or in a boot before this one, has its time yet to come."""
    trial = state.trial
    if trial is None or trial.boot != boot or up_ms - trial.since_ms <= trial.within_ms:
        return state
    return back(state, f"did not prove itself within {trial.within_ms // 1000} s")


def emptied(state: State) -> State:
    """The idle slot is about to be written. Raises ValueError while it is on trial."""
    if state.trial is not None:
        raise ValueError("a software is on trial")
    return replace(state, slots={**state.slots, state.idle: None})


def filled(state: State, content: Content) -> State:
    """What was written into the idle slot is whole, and on the medium."""
    return replace(state, slots={**state.slots, state.idle: content})


def sound(state: State, works: Callable[[str], bool]) -> State:
    """The same, without counting on a slot that has no program (somebody's hand, or a dying card)."""
    if state.trial and not works(state.trial.slot):
        state = back(state, f"slot {state.trial.slot} has no program")
    if not works(state.good) and state.slots.get(state.idle) and works(state.idle):
        return replace(state, good=state.idle)
    return state


# Where it stands


class Place:
    """The slots below `root`, and the state in `keep`. `reached` is called at the named points."""

    def __init__(
        self, root: Path, keep: Path, reached: Callable[[str], None] = lambda point: None
    ) -> None:
        self.root, self.keep, self._reached = root, keep, reached
        self._file, self._link = keep / "state.json", root / "current"

    def slot(self, name: str) -> Path:
        """Where a slot lies."""
        return self.root / "slots" / name

    def works(self, name: str) -> bool:
        """Whether there is a program in the slot."""
        return os.access(self.slot(name) / "bin" / "xunkong", os.X_OK)

    def read(self) -> State:
        """The state; where it cannot be read, what the link points to is good."""
        try:
            return _state(json.loads(self._file.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            good = self.linked() or SLOTS[0]
            here = {name: Content("") if self.works(name) else None for name in SLOTS}
            return sound(State(good, here), self.works)

    def linked(self) -> str | None:
        """The slot that the link points to."""
        try:
            name = self._link.readlink().name
        except OSError:
            return None
        return name if name in SLOTS else None

    def write(self, state: State) -> None:
        """Replaces the state, and has the link follow. Raises OSError."""
        text = json.dumps({"v": 1, **asdict(state)}, indent=1, ensure_ascii=False)
        new = self._file.with_name(".state.new")
        with new.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._reached("state.written")
        new.replace(self._file)
        _sync(self.keep)
        self._reached("state.replaced")
        self.point(state.chosen)

    def point(self, name: str) -> None:
        """Has the link point to a slot, by one rename."""
        if self.linked() == name:
            return
        new = self.root / ".current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("slots") / name)
        self._reached("link.made")
        new.replace(self._link)
        _sync(self.root)
        self._reached("link.replaced")


def _state(table: Mapping[str, Any]) -> State:
    """Raises what it will for what is not a state."""
    slots = {name: _made(Content, table["slots"].get(name)) for name in SLOTS}
    trial, said = _made(Trial, table.get("trial")), _made(Said, table.get("said"))
    state = State(table["good"], slots, trial, str(table.get("order", "")), said)
    numbers = (trial.starts, trial.since_ms, trial.within_ms) if trial else ()
    if state.good not in SLOTS or state.chosen not in SLOTS:
        raise ValueError("no such slot")
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError("not a number")
    return state


def _made(kind: Any, fields: Any) -> Any:
    """A `kind` of those fields that it knows; None of None."""
    if fields is None:
        return None
    return kind(**{name: fields[name] for name in kind.__dataclass_fields__ if name in fields})


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# Run before the software


def watch(place: Place, what: str, boot: str, up_ms: int) -> bool:
    """Does what is due at a start or in between; whether it went back just now."""
    before = place.read()
    state = sound(before, place.works)
    state = started(state, boot, up_ms) if what == "start" else looked(state, boot, up_ms)
    if state != before:
        place.write(state)
    place.point(state.chosen)
    return before.trial is not None and state.trial is None


def main(words: list[str]) -> int:
    """The command. 1 of `late`: nothing to do."""
    parser = argparse.ArgumentParser("guard")
    parser.add_argument("what", choices=("start", "late"))
    parser.add_argument("--root", type=Path, default=Path("/opt/xunkong"))
    parser.add_argument("--keep", type=Path, default=Path("/var/lib/xunkong/update"))
    args = parser.parse_args(words)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")[:8]
    up_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    went = watch(Place(args.root, args.keep), args.what, boot, up_ms)
    return 0 if went or args.what == "start" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
