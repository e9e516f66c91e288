"""A simulated part's end of a serial line: a pseudo-terminal whose other end is opened by path.

What it cannot do: DTR and RTS, parity and framing errors, and holding bytes back for want of a reader;
a UART's bytes that nobody takes are lost, and so they are here.
"""

import os
import termios
import tty
from pathlib import Path

SPEEDS = {
    getattr(termios, f"B{rate}"): rate
    for rate in (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


class SerialLine:
    """The part's end. `port` is the path that a driver opens: the terminal's own, or the link to it."""

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._fds: tuple[int, int] | None = None
        self.port = ""
        self.plug()

    def plug(self) -> None:
        """Makes the line, or makes it anew after `unplug`; only a link keeps its path over that."""
        if self._fds:
            return
        part, host = os.openpty()
        tty.setraw(host)
        os.set_blocking(part, False)
        self._fds = part, host
        self.port = os.ttyname(host)
        if self._link:
            self._point(self._link)

    def _point(self, link: Path) -> None:
        new = link.with_name(f".{link.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(self.port)
        new.replace(link)
        self.port = str(link)

    def unplug(self) -> None:
        """Takes the line away, as a pulled USB plug does: a driver's next read fails."""
        fds, self._fds = self._fds, None
        for fd in fds or ():
            os.close(fd)
        if self._link:
            self._link.unlink(missing_ok=True)

    def fileno(self) -> int | None:
        """To wait on; None while unplugged."""
        return self._fds[0] if self._fds else None

    def baud(self) -> int:
        """The rate that the driver has set, 0 where it is none of the usual ones."""
        if self._fds is None:
            return 0
        return SPEEDS.get(termios.tcgetattr(self._fds[0])[4], 0)

    def read(self) -> bytes:
        """What the driver has sent since the last time."""
        if self._fds is None:
            return b""
        try:
            return os.read(self._fds[0], 4096)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Sends to the driver; what does not fit because nobody reads is lost."""
        if self._fds is None:
            return
        try:
            os.write(self._fds[0], data)
        except OSError:
            return
