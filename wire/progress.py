"""A progress bar for what takes longer than a moment; on a terminal only, and on stderr."""

import sys
import time

AFTER_S = 2.0
EVERY_S = 0.2
WIDTH = 30


class Progress:
    """Hears how much is done; draws once it has taken `AFTER_S`."""

    def __init__(self, what: str) -> None:
        self._what, self._drawn = what, False
        self._tty = sys.stderr.isatty()
        self._begun_s = self._last_s = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        """`done` of `of`, which may be an estimate."""
        now_s = time.monotonic()
        if not self._tty or now_s - self._begun_s < AFTER_S or now_s - self._last_s < EVERY_S:
            return
        self._last_s, self._drawn = now_s, True
        share = min(done / of, 1.0) if of else 1.0
        bar = "#" * int(share * WIDTH)
        sys.stderr.write(f"\r{self._what} [{bar:<{WIDTH}}] {share:4.0%} {done:,}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Nothing is left of it, so that other lines can be written."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
