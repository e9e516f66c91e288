"""A simulated part's end of a serial line: a pseudo-terminal whose other end is opened by path.

What it cannot do: DTR and RTS, parity and framing errors, and holding bytes back for want of a reader;
a UART's bytes that nobody takes are lost, and so they are here.
"""

import os
import termios
import threading
import tty
from pathlib import Path

from hardware.errors import PortError

SPEEDS = {
    getattr(termios, f"B{rate}"): rate
    for rate in (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


class SerialLine:
    """The part's end; any thread may use it. A `link` is a path that stays the same over unplugging."""

    def __init__(self, link: Path | None = None, plugged: bool = True) -> None:
        self._lock = threading.Lock()
        self._link = link
        self._ends: tuple[int, int] | None = None
        if plugged:
            self.plug()

    @property
    def plugged(self) -> bool:
        """Whether the line is there."""
        return self._ends is not None

    @property
    def port(self) -> str:
        """The path that a driver opens. Raises `PortError` where there is neither line nor link."""
        with self._lock:
            if self._link:
                return str(self._link)
            if self._ends is None:
                raise PortError("the simulated part is unplugged; plug it in first")
            return os.ttyname(self._ends[1])

    def plug(self, link: Path | None = None) -> None:
        """Makes the line, or makes it anew; None: with the link that it had before."""
        self.unplug()
        part, host = os.openpty()
        tty.setraw(host)
        os.set_blocking(part, False)
        with self._lock:
            self._ends, self._link = (part, host), link or self._link
            if self._link:
                self._unlink()
                self._link.symlink_to(os.ttyname(host))

    def unplug(self) -> None:
        """Takes the line away, as a pulled USB plug does: a driver's next read fails."""
        with self._lock:
            self._unlink()
            for end in self._ends or ():
                os.close(end)
            self._ends = None

    def _unlink(self) -> None:
        """Takes away a link, never a file."""
        if self._link and self._link.is_symlink():
            self._link.unlink()

    def fileno(self) -> int | None:
        """To wait on; None while unplugged."""
        with self._lock:
            return self._ends[0] if self._ends else None

    def baud(self) -> int:
        """The rate that the driver has set, 0 where it is none of the usual ones."""
        with self._lock:
            return SPEEDS.get(termios.tcgetattr(self._ends[0])[4], 0) if self._ends else 0

    def read(self) -> bytes:
        """What the driver has sent since the last time."""
        with self._lock:
            if self._ends is None:
                return b""
            try:
                return os.read(self._ends[0], 4096)
            except BlockingIOError:
                return b""

    def write(self, data: bytes) -> None:
        """Sends to the driver; what does not fit because nobody reads is lost."""
        with self._lock:
            while self._ends and data:
                try:
                    data = data[os.write(self._ends[0], data) :]
                except BlockingIOError:
                    return
