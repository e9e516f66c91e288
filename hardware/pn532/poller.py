"""The thread that polls a PN532 for ever: card arrived, card left, and how the reader is."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from hardware.errors import CardError, HardwareError, PortError
from hardware.pn532.commands import Target
from hardware.pn532.driver import Pn532

PAUSE_S = 0.01
"""Between two polls: a card waits for at most this and one poll."""

MISSES = 3
"""Polls without a card before it counts as gone: a card at the field's edge flickers."""

FIRST_AGAIN_MS = 50
LONGEST_AGAIN_MS = 1_000
"""How long a card that lies there is left alone after an examination that failed; doubled each time."""

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
FAILS = 3
"""Commands unanswered in a row before the port is opened anew."""


class CardArrived(msgspec.Struct, frozen=True):
    """A card came into the field; CLOCK_BOOTTIME ms when the chip's answer had come.

    `evidence` is what `examine` made of the card; None without one.
    """

    uid: str
    up_ms: int
    evidence: Any = None


class CardTorn(msgspec.Struct, frozen=True):
    """A card was taken away while it was examined, so it did not arrive; told once while it lies there."""

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


NfcEvent = CardArrived | CardTorn | CardLeft | NfcStatus
Exchange = Callable[[bytes], bytes]
Examine = Callable[[Exchange, Target], Any]


def boottime_ms() -> int:
    """CLOCK_BOOTTIME in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class NfcReader:
    """Owns the port and one thread, which calls `put` with events, and `examine`.

    `examine(exchange, card)` is called once for each card that comes, one card after another; `exchange`
    sends a command to that card and returns its answer (`Pn532.exchange`). What it returns is the card's
    `evidence`. It lets `CardError` and its like pass: the card is then examined anew while it lies there.
    """

    def __init__(
        self,
        port: str,
        put: Callable[[NfcEvent], None],
        up_ms: Callable[[], int] = boottime_ms,
        examine: Examine | None = None,
    ) -> None:
        self._port, self._put, self._up_ms, self._examine = port, put, up_ms, examine
        self._stop = threading.Event()
        self._said = ""
        self._field = _Field()
        self.heard_ms: int | None = None
        """When the chip last answered (CLOCK_BOOTTIME); None: never."""

        self._thread = threading.Thread(target=self._run, name="nfc", daemon=True)

    def start(self) -> None:
        """Begins to poll, and goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, and returns within two seconds, whatever it waits for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                self._serve()
                return
            except HardwareError as exc:
                if not self._stop.is_set():
                    self._say("unplugged" if isinstance(exc, PortError) else "silent", str(exc))
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
        found = {target.uid: target for target in chip.targets()}
        up_ms = self._up_ms()
        self._field.served = True
        self.heard_ms = up_ms
        for uid in self._field.new(found, up_ms):
            self._meet(chip, found[uid], up_ms)
        for uid in self._field.left(found):
            self._put(CardLeft(uid, up_ms))
        if found:
            chip.field_off()

    def _meet(self, chip: Pn532, card: Target, up_ms: int) -> None:
        evidence = None
        try:
            if self._examine:
                evidence = self._examine(partial(self._exchange, chip, card.number), card)
        except CardError:
            if self._field.torn(card.uid, up_ms):
                self._put(CardTorn(card.uid, up_ms))
            return
        self._field.met(card.uid)
        self._put(CardArrived(card.uid, up_ms, evidence))

    def _exchange(self, chip: Pn532, number: int, data: bytes) -> bytes:
        """An examination may be long; it ends here when the reader is stopped."""
        if self._stop.is_set():
            raise PortError(f"{self._port} is being closed; the card is left alone")
        return chip.exchange(number, data)

    def _say(self, status: str, detail: str) -> None:
        if status != self._said:
            self._said = status
            self._put(NfcStatus(status, detail))


class _Torn(msgspec.Struct):
    """A card whose examination failed: when to try again, and how long to wait after that."""

    again_ms: int
    wait_ms: int = FIRST_AGAIN_MS


class _Field:
    """Which cards lie in the field, for how many polls each has been missed, and which were torn away."""

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}
        self._arrived: set[str] = set()
        self._torn: dict[str, _Torn] = {}
        self.served = False

    def new(self, uids: Iterable[str], up_ms: int) -> list[str]:
        """Those that have not arrived, and may be examined now."""
        self._missed.update(dict.fromkeys(uids, 0))
        waiting = {uid for uid, torn in self._torn.items() if up_ms < torn.again_ms}
        return sorted(set(uids) - self._arrived - waiting)

    def met(self, uid: str) -> None:
        """It has arrived."""
        self._arrived.add(uid)
        self._torn.pop(uid, None)

    def torn(self, uid: str, up_ms: int) -> bool:
        """Its examination failed. True: for the first time while it lies there."""
        before = self._torn.get(uid)
        if before is None:
            self._torn[uid] = _Torn(up_ms)
            return True
        before.again_ms = up_ms + before.wait_ms
        before.wait_ms = min(LONGEST_AGAIN_MS, 2 * before.wait_ms)
        return False

    def left(self, uids: Iterable[str]) -> list[str]:
        """Those that had arrived and are gone."""
        gone = []
        for uid in sorted(self._missed.keys() - set(uids)):
            self._missed[uid] += 1
            if self._missed[uid] >= MISSES:
                self._forget(uid)
                gone.append(uid)
        left = [uid for uid in gone if uid in self._arrived]
        self._arrived.difference_update(gone)
        return left

    def _forget(self, uid: str) -> None:
        del self._missed[uid]
        self._torn.pop(uid, None)
