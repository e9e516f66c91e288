"""A bar for what takes longer than two seconds, on a terminal only; scripts see nothing of it."""

import sys
import time
from collections.abc import Mapping
from typing import TextIO

QUIET_S = 2.0
EVERY_S = 0.2
WIDTH = 30
MIB = 1024 * 1024


class Progress:
    """Shows how far one thing is, in `unit`s of `per`. `end` clears the line."""

    def __init__(
        self, what: str, stream: TextIO | None = None, per: int = MIB, unit: str = "MiB"
    ) -> None:
        self._what, self._per, self._unit = what, per, unit
        self._stream = stream or sys.stderr
        self._begun_s = time.monotonic()
        self._shown_s = 0.0
        self._on = self._stream.isatty()

    def at(self, done: int, total: int | None) -> None:
        """So much of so much is done; None: of how much is not known."""
        now_s = time.monotonic()
        if not self._on or now_s - self._begun_s < QUIET_S or now_s - self._shown_s < EVERY_S:
            return
        self._shown_s = now_s
        self._stream.write(f"\r\x1b[K{self._what} {self._bar(done, total)}")
        self._stream.flush()

    def end(self) -> None:
        """Takes the bar away, if there is one."""
        if self._shown_s:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _bar(self, done: int, total: int | None) -> str:
        said = f"{done / self._per:.0f}"
        if not total:
            return f"{said} {self._unit}"
        share = min(1.0, done / total)
        filled = round(WIDTH * share)
        of = f"{said}/{total / self._per:.0f} {self._unit}"
        return f"[{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%}  {of}"


class Bars:
    """A bar for each step of one thing, one after another; `titles` by the step, each with `per` and `unit`."""

    def __init__(self, titles: Mapping[str, tuple[str, int, str]]) -> None:
        self._titles = titles
        self._step = ""
        self._bar: Progress | None = None

    def at(self, step: str, done: int, total: int | None) -> None:
        """So much of so much of a step is done."""
        if self._bar is None or step != self._step:
            self.end()
            what, per, unit = self._titles[step]
            self._step, self._bar = step, Progress(what, None, per, unit)
        self._bar.at(done, total)

    def end(self) -> None:
        """Takes the last bar away."""
        if self._bar:
            self._bar.end()
