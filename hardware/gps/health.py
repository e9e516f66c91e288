"""How the GPS module is, and when that is news. Pure: it takes the time and returns values."""

from hardware.gps.epoch import Epoch

OK, NO_FIX, SILENT, UNPLUGGED = "ok", "no fix", "silent", "unplugged"

SILENT_MS = 3000
"""Without a sentence for this long: bytes alone are noise, or a wrong baud rate."""

NO_FIX_MS = 3000
"""One void epoch between good ones is no news; this many milliseconds without a fix are."""


class Health:
    """The status, told once each time it changes; every method that may change it returns it, or `""`."""

    def __init__(self) -> None:
        self._status = ""
        self._heard_ms = self._fixed_ms = 0

    def opened(self, up_ms: int) -> None:
        """The port is there; how the module is must show."""
        self._heard_ms = self._fixed_ms = up_ms

    def gone(self) -> str:
        """The port is not there."""
        return self._changed(UNPLUGGED)

    def sentence(self, up_ms: int) -> None:
        """The module spoke; after a silence it gets its time to find a fix."""
        if up_ms - self._heard_ms >= SILENT_MS:
            self._fixed_ms = up_ms
        self._heard_ms = up_ms

    def epoch(self, epoch: Epoch) -> str:
        """A fix is good at once; its absence is told at once only where there was none before."""
        if epoch.fix:
            self._fixed_ms = epoch.closed_ms
            return self._changed(OK)
        return "" if self._status == OK else self._changed(NO_FIX)

    def passed(self, up_ms: int) -> str:
        """Time goes by."""
        if up_ms - self._heard_ms >= SILENT_MS:
            return self._changed(SILENT)
        return self._changed(NO_FIX) if up_ms - self._fixed_ms >= NO_FIX_MS else ""

    def _changed(self, status: str) -> str:
        if status == self._status:
            return ""
        self._status = status
        return status
