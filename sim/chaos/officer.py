"""Officers at the units' readers: each holds a badge of their own until the box has answered. Pure but for the twin.

What a box says is told by its first beep: with a green light the tap counts, with red alone it does not. A beep that
goes on with a signal which began before the card was read is no answer.
"""

import random
from typing import Protocol

from msgspec import Struct

from sim.tapper import Tap, badge
from sim.unit.rhythm import PINS, Edge

HOLD_NS = 12_000_000_000
SILENCE_NS = 1_000_000_000
"""Longer than any pause within a signal, also on a machine that is late: what beeps after it is another one.
Sooner over is a signal that ends with a light that glows in silence."""

LATE_NS = 1_500_000_000
"""After a tap that was not answered an officer waits for so long: its beep may yet come."""

DECIDE_NS = 30_000_000
"""After a beep's edge its lights are on, if any are."""


class Reader(Protocol):
    """A reader's field (`hardware.pn532.twin.Pn532Twin`)."""

    def present(self, uid: str) -> int: ...
    def remove(self, uid: str) -> int: ...
    def told_ns(self, uid: str) -> int | None: ...


class Answer(Struct):
    """A tap and what its officer heard. `no`: the box said so, with a red light."""

    tap: Tap
    no: bool = False


class Officer:
    """Taps at one box, one badge after another. `look` is to be called every few milliseconds."""

    def __init__(self, unit: str, reader: Reader, seed: int, pause_s: tuple[float, float]) -> None:
        self._unit, self._reader, self._pause_s = unit, reader, pause_s
        self._dice = random.Random(seed)
        self.answers: list[Answer] = []
        self._held: Answer | None = None
        self._rose_ns: int | None = None
        self._good: bool | None = None
        self._lit = dict.fromkeys(PINS.values(), False)
        self._buzzed_ns = self._next_ns = 0
        self._glows = self._glowed = False
        self.working = False

    @property
    def held(self) -> bool:
        """Whether a badge is at the reader."""
        return self._held is not None

    def look(self, edges: list[Edge], now_ns: int) -> None:
        """`edges`: the panel's since the last look."""
        for edge in edges:
            self._hear(edge)
        if self._held is None:
            over = self._glows or now_ns - self._buzzed_ns >= SILENCE_NS
            if self.working and over and now_ns >= self._next_ns:
                self._present()
        elif self._rose_ns is not None:
            if self._good is None and now_ns - self._rose_ns >= DECIDE_NS:
                self._good = self._lit["green"]
            if self._good is not None:
                self._answered(self._held, self._rose_ns, now_ns)
        elif now_ns - self._held.tap.presented_ns > HOLD_NS:
            self._take_away(now_ns + LATE_NS)

    def dark(self) -> None:
        """The unit's process is gone, and all its pins are off."""
        self._glows = False
        self._lit = dict.fromkeys(PINS.values(), False)

    def _hear(self, edge: Edge) -> None:
        part = PINS.get(edge.pin)
        if part is None:
            return
        if part == "buzzer" and not edge.value and self._rose_ns is not None:
            self._good = self._lit["green"]
        self._lit[part] = bool(edge.value)
        if part != "buzzer":
            self._glows = self._lit["green"] and not self._lit["buzzer"]
            self._glowed = self._glowed or self._glows
            return
        begins = self._glowed or edge.mono_ns - self._buzzed_ns >= SILENCE_NS
        self._glows = self._glowed = False
        self._buzzed_ns = edge.mono_ns
        awaited = edge.value and self._held and self._rose_ns is None
        if awaited and begins and self._is_answer(edge.mono_ns):
            self._rose_ns = edge.mono_ns

    def _is_answer(self, at_ns: int) -> bool:
        told_ns = self._reader.told_ns(self._held.tap.uid) if self._held else None
        return told_ns is not None and at_ns >= told_ns

    def _present(self) -> None:
        uid = badge(len(self.answers))
        self._rose_ns = self._good = None
        self._held = Answer(Tap(self._unit, uid, self._reader.present(uid)))
        self.answers.append(self._held)

    def _answered(self, held: Answer, rose_ns: int, now_ns: int) -> None:
        held.tap.told_ns = self._reader.told_ns(held.tap.uid)
        held.no = not self._good
        if not held.no:
            held.tap.beep_ns = rose_ns
        pause_s = 1.0 if held.no else self._dice.uniform(*self._pause_s)
        self._take_away(now_ns + int(pause_s * 1e9))

    def _take_away(self, next_ns: int) -> None:
        if self._held:
            self._reader.remove(self._held.tap.uid)
        self._held, self._rose_ns, self._next_ns = None, None, next_ns
