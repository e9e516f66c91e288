"""A bar for what takes longer than two seconds, on a terminal only; scripts see nothing of it."""

import sys
import time
from typing import TextIO

QUIET_S = 2.0
EVERY_S = 0.2
WIDTH = 30
MIB = 1024 * 1024


class Progress:
    """Shows how far one thing is. `end` clears the line."""

    def __init__(self, what: str, stream: TextIO = sys.stderr) -> None:
        self._what, self._stream = what, stream
        self._begun_s = time.monotonic()
        self._shown_s = 0.0
        self._on = stream.isatty()

    def at(self, done_bytes: int, total_bytes: int | None) -> None:
        """So many bytes of so many are done; None: of how many is not known."""
        now_s = time.monotonic()
        if not self._on or now_s - self._begun_s < QUIET_S or now_s - self._shown_s < EVERY_S:
            return
        self._shown_s = now_s
        self._stream.write(f"\r\x1b[K{self._what} {_bar(done_bytes, total_bytes)}")
        self._stream.flush()

    def end(self) -> None:
        """Takes the bar away, if there is one."""
        if self._shown_s:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _bar(done_bytes: int, total_bytes: int | None) -> str:
    done = f"{done_bytes / MIB:.0f}"
    if not total_bytes:
        return f"{done} MiB"
    share = min(1.0, done_bytes / total_bytes)
    filled = round(WIDTH * share)
    return (
        f"[{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%}  {done}/{total_bytes / MIB:.0f} MiB"
    )
