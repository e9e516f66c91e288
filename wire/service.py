"""What systemd is told of this process: ready, alive, ending, and a line for people. sd_notify(3).

Where nobody listens (no `NOTIFY_SOCKET`, as on a bench) nothing is told. Any thread may tell.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from wire.words import Words, language_of

MAIN = "main"
OFTEN = 3
"""Signs of life in the time after which systemd would miss one."""


class Service:
    """This process as systemd knows it. `environ`: as systemd made it; an empty one tells nobody."""

    def __init__(
        self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._watch_us = int(environ.get("WATCHDOG_USEC", "0"))
        self._language = language_of(environ)
        self._clock, self._lock = clock, threading.Lock()
        self._due_s: dict[str, float] = {}
        self._told_s: float | None = None
        self._ready = False

    def ready(self, words: Words) -> None:
        """The work can begin. Said again, only the line is new."""
        first, self._ready = not self._ready, True
        self._tell(*(("READY=1",) if first else ()), self._line(words))

    def says(self, words: Words) -> None:
        """The line that `systemctl status` shows."""
        self._tell(self._line(words))

    def stopping(self) -> None:
        """The process takes its leave."""
        self._tell("STOPPING=1")

    def alive(self, who: str = MAIN, within_s: float | None = None) -> None:
        """The thread `who` works, and says so again within `within_s`; None: before systemd would miss it.

        systemd is told as long as every thread that ever said so keeps its word. Before `ready` it is told
        that the start takes longer.
        """
        if not self._watch_us:
            return
        now_s, watch_s = self._clock(), self._watch_us / 1e6
        with self._lock:
            self._due_s[who] = now_s + (watch_s if within_s is None else within_s)
            told = self._told_s is not None and now_s - self._told_s < watch_s / OFTEN
            if told or min(self._due_s.values()) < now_s:
                return
            self._told_s = now_s
        self._tell("WATCHDOG=1" if self._ready else f"EXTEND_TIMEOUT_USEC={self._watch_us}")

    def patient(self, for_s: float | None = None) -> None:
        """What comes may take `for_s` without a sign of life; None: no more, as it was."""
        if not self._watch_us:
            return
        us = max(self._watch_us, int((for_s or 0) * 1e6))
        if self._ready:
            self._tell("WATCHDOG=1", f"WATCHDOG_USEC={us}")
        else:
            self._tell(f"EXTEND_TIMEOUT_USEC={us}")

    def _line(self, words: Words) -> str:
        return f"STATUS={' '.join(words.say(self._language).split())}"

    def _tell(self, *lines: str) -> None:
        """Never waits: a service manager that does not listen must not stop the work."""
        if self._address is None:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto("\n".join(lines).encode(), self._address)


def _address(text: str) -> str | None:
    """A path, or `@name` for the abstract namespace; anything else (vsock) is none of ours."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None
