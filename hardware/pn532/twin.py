"""A simulated PN532 on a pseudo-terminal: the real driver, and anybody else's, may open its port."""

import os
import random
import select
import threading
import time
from pathlib import Path

from hardware.errors import HardwareError
from hardware.pn532.chip import Card, Chip
from hardware.pty import SerialLine

SENS_RES = {4: 0x0004, 7: 0x0044, 10: 0x0084}
SAK = {4: 0x08, 7: 0x00, 10: 0x00}
"""By length of UID: MIFARE Classic 1K (AN10833), NTAG and Ultralight, and a triple-size UID."""


class NoSuchCard(HardwareError):
    """A UID that no card of type A can have."""


def card(uid: str) -> Card:
    """The usual card with this UID in hex. Raises `NoSuchCard`."""
    try:
        number = bytes.fromhex(uid)
    except ValueError:
        number = b""
    if len(number) not in SAK:
        raise NoSuchCard(f"{uid!r} is no UID: give 8, 14 or 20 hex digits, such as 04a1b2c3")
    return Card(number, SENS_RES[len(number)], SAK[len(number)])


class Pn532Twin:
    """One chip with its line. A thread of its own plays it; all methods may be called from any other."""

    def __init__(self, link: Path | None = None) -> None:
        self._line = SerialLine(link)
        self._chip = Chip()
        self._lock = threading.Lock()
        self._muted = False
        self._told_ns: dict[bytes, int] = {}
        self._wake_fd, self._poke_fd = os.pipe()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pn532-twin", daemon=True)
        self._thread.start()

    @property
    def port(self) -> str:
        """The path to open."""
        return self._line.port

    def present(self, what: str | Card) -> int:
        """Holds a card into the field, the usual one where only a UID in hex is given.

        Returns CLOCK_MONOTONIC ns of that. Raises `NoSuchCard`.
        """
        shown = card(what) if isinstance(what, str) else what
        with self._lock:
            self._chip.cards = [c for c in self._chip.cards if c.uid != shown.uid] + [shown]
            self._told_ns.pop(shown.uid, None)
            return time.monotonic_ns()

    def told_ns(self, uid: str) -> int | None:
        """CLOCK_MONOTONIC ns at which the chip first told of this card since `present`; None: not yet."""
        return self._told_ns.get(card(uid).uid)

    def remove(self, uid: str | None = None) -> int:
        """Takes a card (None: all of them) away. Returns CLOCK_MONOTONIC ns of that."""
        with self._lock:
            gone = None if uid is None else card(uid).uid
            self._chip.cards = [c for c in self._chip.cards if gone not in (None, c.uid)]
            return time.monotonic_ns()

    def mute(self, muted: bool = True) -> None:
        """Makes the chip deaf and dumb, as a lost supply wire does."""
        self._muted = muted

    def noise(self, count: int = 64) -> None:
        """Sends random bytes, as a loose ground does."""
        with self._lock:
            self._line.write(random.randbytes(count))

    def unplug(self) -> None:
        """Takes the port away; the chip loses its power."""
        with self._lock:
            self._line.unplug()
            cards, self._chip = self._chip.cards, Chip()
            self._chip.cards = cards
        self._poke()

    def plug(self) -> None:
        """Brings the port back; at the same path only if there is a link."""
        with self._lock:
            self._line.plug()
        self._poke()

    def stop(self) -> None:
        """Ends the thread and takes the port away."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._poke()
        self._thread.join(timeout=5)
        self._line.unplug()
        os.close(self._wake_fd)
        os.close(self._poke_fd)

    def _poke(self) -> None:
        os.write(self._poke_fd, b"x")

    # The thread: it touches the chip and the line, under the lock

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wait()
            with self._lock:
                self._turn()

    def _turn(self) -> None:
        now_s = time.monotonic()
        baud = self._line.baud()
        heard = self._line.read()
        if heard and not self._muted:
            self._chip.feed(heard, baud, now_s)
        said = self._chip.due(now_s)
        if said and not self._muted and baud == self._chip.baud:
            self._line.write(said)
            for shown in self._chip.cards:
                if shown.uid in said:
                    self._told_ns.setdefault(shown.uid, time.monotonic_ns())

    def _wait(self) -> None:
        with self._lock:
            next_s, fd = self._chip.next_s(), self._line.fileno()
        left_s = None if next_s is None else max(0.0, next_s - time.monotonic())
        fds = [self._wake_fd] if fd is None else [self._wake_fd, fd]
        try:
            ready, _, _ = select.select(fds, [], [], left_s)
        except OSError:
            return  # unplugged since; the next turn waits on what is there then
        if self._wake_fd in ready:
            os.read(self._wake_fd, 64)
