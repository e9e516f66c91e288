"""Edges of the panel's pins in, lights and signals by name out: a signal is told by its buzzer's rhythm."""

from msgspec import Struct

from hardware.panel.panel import GAP_S
from hardware.panel.patterns import LONG_S, PAUSE_S, RHYTHMS, SHORT_S

PINS = {"GPIO18": "buzzer", "GPIO23": "green", "GPIO24": "red"}
NAMES = {rhythm.beeps: name for name, rhythm in RHYTHMS.items()}
SPLIT_NS = int((SHORT_S + LONG_S) / 2 * 1e9)
SILENCE_NS = int((PAUSE_S + GAP_S) / 2 * 1e9)
"""Between a pause within a signal and the silence between two, also on a machine that is a little late."""


class Edge(Struct, frozen=True):
    """One edge of one pin, CLOCK_MONOTONIC ns: a line of the trace."""

    mono_ns: int
    pin: str
    value: int


def named(beeps: str) -> str:
    """The signal with this rhythm; `? ` and the rhythm where it is none of ours."""
    return NAMES.get(beeps, f"? {beeps}")


class Ear:
    """Hears one panel. `lit`: which of buzzer, green, red are on."""

    def __init__(self) -> None:
        self.lit: dict[str, bool] = dict.fromkeys(PINS.values(), False)
        self._beeps = ""
        self._last_ns = 0

    def take(self, edge: Edge) -> str | None:
        """Hears an edge; returns the signal that had ended before it, None for none."""
        part = PINS.get(edge.pin)
        if part is None:
            return None
        ended = self.quiet(edge.mono_ns) if part == "buzzer" else None
        self.lit[part] = bool(edge.value)
        if part != "buzzer":
            return None
        if not edge.value:
            self._beeps += "-" if edge.mono_ns - self._last_ns > SPLIT_NS else "."
        self._last_ns = edge.mono_ns
        return ended

    def quiet(self, now_ns: int) -> str | None:
        """The signal that has ended by now, by name (its rhythm where it is none of ours); None for none."""
        if not self._beeps or self.lit["buzzer"] or now_ns - self._last_ns < SILENCE_NS:
            return None
        beeps, self._beeps = self._beeps, ""
        return named(beeps)

    def dark(self) -> None:
        """The unit is gone, and all its pins are off."""
        self.lit = dict.fromkeys(PINS.values(), False)
        self._beeps = ""
