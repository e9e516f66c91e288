"""A simulated PN532 on a pseudo-terminal: the real driver, and anybody else's, may open its port."""

import os
import random
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hardware.errors import HardwareError
from hardware.pn532.chip import Chip
from hardware.pn532.faults import Fault, Faults
from hardware.pn532.field import Card
from hardware.pn532.pace import Pace
from hardware.pty import SerialLine

SENS_RES = {4: 0x0004, 7: 0x0044, 10: 0x0084}
SAK = {4: 0x08, 7: 0x00, 10: 0x00}
"""By length of UID: MIFARE Classic 1K (AN10833), NTAG and Ultralight, and a triple-size UID."""

LONGEST_FRAME = 280
EXCHANGE = 0x40
"""InDataExchange."""


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
        self._lock = threading.RLock()
        self._turned = threading.Condition(self._lock)
        self._faults, self._to_chip, self._to_host = Faults(), Pace(), Pace()
        self._at: dict[int, Callable[[], object]] = {}
        self._chip = self._new_chip([])
        self._muted, self._said = False, b""
        self._told_ns: dict[bytes, int] = {}
        self._wake_fd, self._poke_fd = os.pipe()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pn532-twin", daemon=True)
        self._thread.start()

    def _new_chip(self, cards: list[Card]) -> Chip:
        chip = Chip()
        chip.cards, chip.on_command = cards, self._commanded
        return chip

    @property
    def port(self) -> str:
        """The path to open."""
        return self._line.port

    def present(self, *what: str | Card) -> int:
        """Holds cards into the field at once, the usual one where only a UID in hex is given.

        Returns CLOCK_MONOTONIC ns of that. Raises `NoSuchCard`.
        """
        shown = [card(each) if isinstance(each, str) else each for each in what]
        uids = {each.uid for each in shown}
        with self._lock:
            self._chip.cards = [c for c in self._chip.cards if c.uid not in uids] + shown
            for uid in uids:
                self._told_ns.pop(uid, None)
            self._said = b""
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
        """Puts random bytes on both wires, as a loose ground does."""
        with self._lock:
            self._chip.feed(random.randbytes(count), self._chip.baud, time.monotonic())
            self._line.write(random.randbytes(count))

    def lose_ack(self, count: int = 1) -> None:
        """The next ACKs do not reach the host."""
        self.spoil("lose_ack", count)

    def lose_answer(self, count: int = 1) -> None:
        """The next answers do not reach the host."""
        self.spoil("lose_answer", count)

    def spoil(self, fault: Fault = "spoil", count: int = 1) -> None:
        """Does this to the next frames: a wrong checksum, or another of `faults.Fault`."""
        with self._lock:
            self._faults.add(fault, count)

    def split(self, split: bool = True) -> None:
        """Whether each byte reaches the host by itself."""
        with self._lock:
            self._faults.split = split

    def glue(self, glue: bool = True) -> None:
        """Whether ACK and answer reach the host in one piece."""
        with self._lock:
            self._faults.glue = glue

    def whole(self) -> None:
        """Ends `split` and `glue`."""
        self.split(False)
        self.glue(False)

    def sleep(self) -> None:
        """Sends the chip to power-down, as a dip of its supply does."""
        with self._lock:
            self._chip.sleep()

    def raise_baud(self, baud: int = 921600) -> None:
        """Leaves the chip at another rate, as a program that crashed does."""
        with self._lock:
            self._chip.baud = baud

    def torn(self) -> None:
        """All cards are torn away at the next exchange with one."""
        self.at(EXCHANGE, self.remove)

    def at(self, code: int, act: Callable[[], object]) -> None:
        """Does this once, in the chip's thread, when the chip next hears the command of this code."""
        with self._lock:
            self._at[code] = act

    def _commanded(self, code: int) -> None:
        act = self._at.pop(code, None)
        if act:
            act()

    def wait_heard(self) -> None:
        """Waits until the chip has heard all that the host has sent."""
        with self._turned:
            self._turned.wait_for(self._has_heard, timeout=5)

    def _has_heard(self) -> bool:
        fd = self._line.fileno()
        return fd is None or not (self._to_chip.next_s() or select.select([fd], [], [], 0)[0])

    def unplug(self) -> None:
        """Takes the port away; the chip loses its power."""
        with self._lock:
            self._line.unplug()
            self._chip = self._new_chip(self._chip.cards)
            self._to_chip.clear()
            self._to_host.clear()
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
            with self._turned:
                self._turn(time.monotonic())
                self._turned.notify_all()

    def _turn(self, now_s: float) -> None:
        baud = self._line.baud()
        heard = self._line.read()
        if heard and baud:
            self._to_chip.push(heard, baud, now_s)
        for data, rate in self._to_chip.due(now_s):
            if not self._muted:
                self._chip.feed(data, rate, now_s)
        for frame in self._chip.due_frames(now_s):
            for piece in self._faults.frames(frame):
                self._to_host.push(piece, self._chip.baud, now_s)
        for data, rate in self._to_host.due(now_s):
            if not self._muted and rate == baud:
                self._say(data)

    def _say(self, data: bytes) -> None:
        self._line.write(data)
        self._said = (self._said + data)[-LONGEST_FRAME:]
        for shown in self._chip.cards:
            if shown.uid in self._said:
                self._told_ns.setdefault(shown.uid, time.monotonic_ns())

    def _wait(self) -> None:
        with self._lock:
            fd = self._line.fileno()
            parts = (self._chip, self._to_chip, self._to_host)
            next_s = min((at_s for part in parts if (at_s := part.next_s())), default=None)
        left_s = None if next_s is None else max(0.0, next_s - time.monotonic())
        fds = [self._wake_fd] if fd is None else [self._wake_fd, fd]
        try:
            ready, _, _ = select.select(fds, [], [], left_s)
        except OSError:
            return  # unplugged since; the next turn waits on what is there then
        if self._wake_fd in ready:
            os.read(self._wake_fd, 64)
