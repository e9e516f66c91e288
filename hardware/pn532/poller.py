"""The thread that polls a PN532 for ever: card arrived, card left, and how the reader is."""

import random
import threading
import time
from collections.abc import Callable

import msgspec

from hardware.errors import HardwareError, PortError
from hardware.pn532.driver import Pn532

PAUSE_S = 0.01
"""Between two polls: a card waits for at most this and one poll."""

MISSES = 3
"""Polls without a card before it counts as gone: a card at the field's edge flickers."""

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
FAILS = 3
"""Commands unanswered in a row before the port is opened anew."""


class CardArrived(msgspec.Struct, frozen=True):
    """A card came into the field; CLOCK_BOOTTIME ms when the chip's answer had come."""

    uid: str
    up_ms: int


class CardLeft(msgspec.Struct, frozen=True):
    """A card is gone from the field."""

    uid: str
    up_ms: int


class NfcStatus(msgspec.Struct, frozen=True):
    """`ok`, `silent` (the chip does not answer) or `unplugged` (the port is gone); `detail` for people."""

    status: str
    detail: str


NfcEvent = CardArrived | CardLeft | NfcStatus


def boottime_ms() -> int:
    """CLOCK_BOOTTIME in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class NfcReader:
    """Owns the port and one thread, which calls `put` with events and nothing else of the caller's."""

    def __init__(
        self,
        port: str,
        put: Callable[[NfcEvent], None],
        up_ms: Callable[[], int] = boottime_ms,
    ) -> None:
        self._port, self._put, self._up_ms = port, put, up_ms
        self._stop = threading.Event()
        self._said = ""
        self._field = _Field()
        self._thread = threading.Thread(target=self._run, name="nfc", daemon=True)

    def start(self) -> None:
        """Begins to poll, and goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Ends within two seconds."""
        self._stop.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                self._serve()
                return
            except PortError as exc:
                self._say("unplugged", str(exc))
            except HardwareError as exc:
                self._say("silent", str(exc))
            wait_s = FIRST_WAIT_S if self._field.served else min(LONGEST_WAIT_S, wait_s * 2)
            self._field.served = False
            self._stop.wait(wait_s * random.uniform(0.7, 1.3))

    def _serve(self) -> None:
        chip = Pn532(self._port)
        try:
            found = chip.start()
            self._say("ok", f"PN532 {found.version}.{found.revision}")
            fails = 0
            while not self._stop.is_set():
                try:
                    self._look(chip)
                    fails = 0
                except PortError:
                    raise
                except HardwareError:
                    fails += 1
                    if fails >= FAILS:
                        raise
                    chip.start()
                self._stop.wait(PAUSE_S)
        finally:
            chip.close()

    def _look(self, chip: Pn532) -> None:
        uids = {target.uid for target in chip.targets()}
        up_ms = self._up_ms()
        self._field.served = True
        for uid in self._field.arrived(uids):
            self._put(CardArrived(uid, up_ms))
        for uid in self._field.left(uids):
            self._put(CardLeft(uid, up_ms))

    def _say(self, status: str, detail: str) -> None:
        if status != self._said:
            self._said = status
            self._put(NfcStatus(status, detail))


class _Field:
    """Which cards lie in the field, and for how many polls each has been missed."""

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}
        self.served = False

    def arrived(self, uids: set[str]) -> list[str]:
        new = sorted(uids - self._missed.keys())
        self._missed.update(dict.fromkeys(uids, 0))
        return new

    def left(self, uids: set[str]) -> list[str]:
        gone = []
        for uid in sorted(self._missed.keys() - uids):
            self._missed[uid] += 1
            if self._missed[uid] >= MISSES:
                del self._missed[uid]
                gone.append(uid)
        return gone
