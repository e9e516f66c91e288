"""A simulated panel: gpiozero's mock pins, a file that every edge of them is written to, and fingers.

The fingers are a pipe (FIFO): who writes `sos down` or `sos up` into it closes or opens that contact. A
contact is outside the board: it stays as it is whatever a pin's pull, and before anybody looks at the pin.
"""

import json
import os
import select
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware.errors import HardwareError
from hardware.panel.panel import BUTTON_PINS, IGNITION_PIN

CONTACTS = BUTTON_PINS | {"ignition": IGNITION_PIN}
MOVES = {"down": True, "up": False}
PIPE_BYTES = 65_536
"""All that a pipe holds (pipe(7))."""


class _TracedPin(MockPWMPin):
    def _set_pull(self, value: Any) -> None:
        with self.factory.contacts:
            super()._set_pull(value)
            if self.info.name in self.factory.closed:
                self.drive_low()

    def _set_state(self, value: Any) -> None:
        before = self._state
        super()._set_state(value)
        if self._state != before:
            self.factory.edge(self.info.name, int(self._state))


class SimFactory(MockFactory):
    """Mock pins. `trace`: their edges, a JSON line each: `mono_ns`, `pin`, `value`. `fingers`: see above."""

    def __init__(self, trace: Path | None = None, fingers: Path | None = None) -> None:
        self._file = trace.open("a", encoding="ascii", buffering=1) if trace else None
        self.contacts = threading.RLock()
        self.closed: set[str] = set()
        super().__init__(pin_class=_TracedPin)
        self._pins = {contact: self.pin(number) for contact, number in CONTACTS.items()}
        self._fingers = Fingers(fingers, self.press) if fingers else None

    def edge(self, pin: str, value: int) -> None:
        """Writes down one edge, CLOCK_MONOTONIC."""
        if self._file:
            edge = {"mono_ns": time.monotonic_ns(), "pin": pin, "value": value}
            self._file.write(json.dumps(edge) + "\n")

    def press(self, contact: str, down: bool) -> None:
        """Closes or opens a contact. Raises KeyError where there is no such contact."""
        pin = self._pins[contact]
        with self.contacts:
            (self.closed.add if down else self.closed.discard)(pin.info.name)
            pin.drive_low() if down else pin.drive_high()

    def close(self) -> None:
        if self._fingers:
            self._fingers.close()
        super().close()
        if self._file:
            self._file.close()


class Fingers:
    """Reads the pipe and calls `press`: what is in it already at once, the rest on a thread of its own.

    A line it cannot read is passed over.
    """

    def __init__(self, path: Path, press: Any) -> None:
        self._press, self._rest = press, b""
        self._fd = _pipe(path)
        self._read()
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
        while True:
            ready, _, _ = select.select([self._fd, self._stop_fd], [], [])
            if self._stop_fd in ready:
                return
            self._read()

    def _read(self) -> None:
        *lines, self._rest = (self._rest + _waiting(self._fd)).split(b"\n")
        for line in lines:
            self._move(line.decode("ascii", "replace").split())

    def _move(self, words: list[str]) -> None:
        if len(words) == 2 and words[0] in CONTACTS and words[1] in MOVES:
            self._press(words[0], MOVES[words[1]])


class Wires:
    """The other end of a unit's pipe, there before the unit and after it: no move is lost in between."""

    def __init__(self, path: Path) -> None:
        self._fd = _pipe(path)

    def renew(self, closed: Iterable[str]) -> None:
        """Before a unit starts: what nobody read is forgotten, and it finds `closed` closed."""
        _waiting(self._fd)
        for contact in closed:
            self.move(contact, True)

    def move(self, contact: str, down: bool) -> None:
        """Closes or opens a contact."""
        os.write(self._fd, _line(contact, "down" if down else "up"))

    def close(self) -> None:
        """Lets go of the pipe."""
        os.close(self._fd)


def fingers(path: Path, contact: str, move: str) -> None:
    """Writes into a unit's pipe: `contact` is `sos`, `ack` or `ignition`, `move` `down` or `up`.

    Raises OSError where no unit listens.
    """
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, _line(contact, move))
    finally:
        os.close(fd)


def _line(contact: str, move: str) -> bytes:
    return f"{contact} {move}\n".encode("ascii")


def _pipe(path: Path) -> int:
    try:
        os.mkfifo(path, 0o600)
    except FileExistsError:
        if not path.is_fifo():
            raise HardwareError(f"{path} is there and is no pipe; choose another path") from None
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def _waiting(fd: int) -> bytes:
    try:
        return os.read(fd, PIPE_BYTES)
    except BlockingIOError:
        return b""
