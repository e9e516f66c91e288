"""The parts of a virtual Pi: a simulated reader and receiver, whose pseudo-terminals it sees as serial ports."""

import os
import shutil
from pathlib import Path

from hardware.gps.twin import GpsTwin
from hardware.pn532.twin import Pn532Twin

DIALOUT = 20
"""The group that Debian lets use serial ports, by its number, which is the same on all Debians."""


class Parts:
    """Use `with`. `stream`: what the receiver says, again and again. `binds`: for `Yard.pi`."""

    def __init__(self, stream: bytes, scratch: Path) -> None:
        self.reader = Pn532Twin(scratch / "nfc")
        self.receiver = GpsTwin(stream, loop=True, restamp=True)
        self.receiver.plug(scratch / "gps")
        self.binds = tuple(
            (_lent(scratch / name), port)
            for name, port in (("nfc", "/dev/ttyAMA3"), ("gps", "/dev/ttyAMA0"))
        )

    def __enter__(self) -> "Parts":
        self.receiver.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.receiver.stop()
        self.reader.stop()


def _lent(link: Path) -> str:
    """The pseudo-terminal itself, with the rights that a serial port has there."""
    terminal = os.path.realpath(link)
    shutil.chown(terminal, 0, DIALOUT)
    Path(terminal).chmod(0o660)
    return terminal
