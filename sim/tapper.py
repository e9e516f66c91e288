"""Officers at a checkpoint: each tap a badge of its own, held until the beep, with the times of both."""

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from hardware.panel.patterns import LONG_S
from hardware.pn532.twin import Pn532Twin

BEEP_WAIT_S = 2.0
LOOK_S = 0.001
SILENCE_S = 0.25
"""The next officer waits until the box has been silent for longer than any pause within a signal; the
reader has seen by then that the card is gone."""

KILLED_S = LONG_S + SILENCE_S
"""A buzzer that is on for longer than any beep belongs to a unit that was killed: its trace ends so."""

BUZZER = "GPIO18"


class Tap(Struct):
    """A badge held to the reader, CLOCK_MONOTONIC ns: presented, told by the chip, beeped; None: never."""

    unit: str
    uid: str
    presented_ns: int
    told_ns: int | None = None
    beep_ns: int | None = None
    calm: bool = True
    """Whether broker and unit were there from the tap to its arrival."""


def badge(number: int) -> str:
    """The UID of badge `number` (7 bytes, as of an NTAG)."""
    return f"04{number:012x}"


class Trace:
    """The panel's trace, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._file = path.open(encoding="ascii")
        self._rest = ""
        self._sounding = False

    def beep_after(
        self, after_ns: int, wait_s: float, counts: Callable[[int], bool] = lambda at_ns: True
    ) -> int | None:
        """CLOCK_MONOTONIC ns of the buzzer's first rising edge after `after_ns` that `counts`, None within `wait_s`."""
        until_s = time.monotonic() + wait_s
        while time.monotonic() < until_s:
            for edge in self._edges():
                at_ns = int(edge["mono_ns"])
                rises = edge["pin"] == BUZZER and edge["value"]
                if rises and at_ns >= after_ns and counts(at_ns):
                    return at_ns
            time.sleep(LOOK_S)
        return None

    def until_silent(self) -> None:
        """Returns once the buzzer has been off for `SILENCE_S`, or on for `KILLED_S`."""
        since_s = looked_s = time.monotonic()
        while True:
            if any(edge["pin"] == BUZZER for edge in self._edges()):
                since_s = time.monotonic()
            elif looked_s - since_s >= (KILLED_S if self._sounding else SILENCE_S):
                return  # looked at since: nobody's stall is taken for silence
            time.sleep(LOOK_S)
            looked_s = time.monotonic()

    def _edges(self) -> list[dict[str, Any]]:
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        edges = [json.loads(line) for line in lines]
        for edge in edges:
            if edge["pin"] == BUZZER:
                self._sounding = bool(edge["value"])
        return edges

    def close(self) -> None:
        self._file.close()


class Tapper:
    """Taps at one checkpoint, one after another."""

    def __init__(self, unit: str, reader: Pn532Twin, trace: Path, seed: int) -> None:
        self._unit, self._reader = unit, reader
        self._trace = Trace(trace)
        self._dice = random.Random(seed)
        self.taps: list[Tap] = []

    def new_badge(self) -> str:
        """A UID that nobody has used at this checkpoint."""
        return badge(len(self.taps))

    def tap(self, uid: str, wait_s: float = BEEP_WAIT_S) -> Tap:
        """Holds `uid` to the reader until it beeps, takes it away, and lets the box finish.

        A beep from before the chip told the badge is a late one for the badge before.
        """
        tap = Tap(self._unit, uid, self._reader.present(uid))
        self.taps.append(tap)

        def is_answer(at_ns: int) -> bool:
            told_ns = self._reader.told_ns(uid)
            return told_ns is not None and at_ns >= told_ns

        tap.beep_ns = self._trace.beep_after(tap.presented_ns, wait_s, is_answer)
        tap.told_ns = self._reader.told_ns(uid)
        self._reader.remove(uid)
        self._trace.until_silent()
        return tap

    def keep_tapping(self, stop: threading.Event, pause_s: tuple[float, float]) -> None:
        """Taps until `stop` is set, pausing by chance between the two bounds."""
        while not stop.is_set():
            self.tap(self.new_badge())
            stop.wait(self._dice.uniform(*pause_s))

    def close(self) -> None:
        self._trace.close()
