"""A simulated panel: gpiozero's mock pins, a file that every edge of them is written to, and fingers.

The fingers are a pipe (FIFO): who writes `sos down` or `sos up` into it closes or opens that contact.
"""

import json
import os
import select
import threading
import time
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware.errors import HardwareError
from hardware.panel.panel import BUTTON_PINS, IGNITION_PIN

CONTACTS = BUTTON_PINS | {"ignition": IGNITION_PIN}
MOVES = {"down": True, "up": False}


class _TracedPin(MockPWMPin):
    def _set_state(self, value: Any) -> None:
        before = self._state
        super()._set_state(value)
        if self._state != before:
            self.factory.edge(self.info.name, int(self._state))


class SimFactory(MockFactory):
    """Mock pins. `trace`: their edges, a JSON line each: `mono_ns`, `pin`, `value`. `fingers`: see above."""

    def __init__(self, trace: Path | None = None, fingers: Path | None = None) -> None:
        self._file = trace.open("a", encoding="ascii", buffering=1) if trace else None
        super().__init__(pin_class=_TracedPin)
        self._fingers = Fingers(fingers, self.press) if fingers else None

    def edge(self, pin: str, value: int) -> None:
        """Writes down one edge, CLOCK_MONOTONIC."""
        if self._file:
            edge = {"mono_ns": time.monotonic_ns(), "pin": pin, "value": value}
            self._file.write(json.dumps(edge) + "\n")

    def press(self, contact: str, down: bool) -> None:
        """Closes or opens a contact. Raises KeyError where there is no such contact."""
        pin = self.pin(CONTACTS[contact])
        pin.drive_low() if down else pin.drive_high()

    def close(self) -> None:
        if self._fingers:
            self._fingers.close()
        super().close()
        if self._file:
            self._file.close()


class Fingers:
    """Reads the pipe on a thread of its own, which calls `press`; a line it cannot read is passed over."""

    def __init__(self, path: Path, press: Any) -> None:
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            if not path.is_fifo():
                raise HardwareError(
                    f"{path} is there and is no pipe; choose another path"
                ) from None
        self._press = press
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._stop_fd, self._told_fd = os.pipe()
        self._thread = threading.Thread(target=self._run, name="fingers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        os.write(self._told_fd, b"x")
        self._thread.join(timeout=2)
        for fd in (self._fd, self._stop_fd, self._told_fd):
            os.close(fd)

    def _run(self) -> None:
        rest = b""
        while True:
            ready, _, _ = select.select([self._fd, self._stop_fd], [], [])
            if self._stop_fd in ready:
                return
            *lines, rest = (rest + os.read(self._fd, 4096)).split(b"\n")
            for line in lines:
                self._move(line.decode("ascii", "replace").split())

    def _move(self, words: list[str]) -> None:
        if len(words) == 2 and words[0] in CONTACTS and words[1] in MOVES:
            self._press(words[0], MOVES[words[1]])


def fingers(path: Path, contact: str, move: str) -> None:
    """Writes into a unit's pipe: `contact` is `sos`, `ack` or `ignition`, `move` `down` or `up`.

    Raises OSError where no unit listens.
    """
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, f"{contact} {move}\n".encode("ascii"))
    finally:
        os.close(fd)
