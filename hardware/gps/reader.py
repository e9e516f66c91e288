"""The thread that reads a GPS module for ever: its fixes, and how it is.

What it cannot do: find the module's baud rate; a wrong one shows as `silent`, with noise in the
detail. It never writes to the module.
"""

import random
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable

import msgspec
import serial

from hardware.errors import PortError
from hardware.gps.epoch import FLOOR_UTC_MS, Epoch, EpochAssembler, GpsFix
from hardware.gps.health import NO_FIX, OK, SILENT, UNPLUGGED, Health
from hardware.gps.nmea import Refused, Splitter

QUIET_S = 0.05
"""A pause that ends an epoch. Bytes are 1 ms apart at 9600 baud and USB adapters hold them back for
16 ms, so a burst has no such pause; at 5 Hz there are 200 ms, so it fits between two bursts."""

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0

DETAILS = {
    OK: "{port} has a fix",
    NO_FIX: "{port} gives no fix ({why}); show its antenna the sky",
    SILENT: "{port} sends no sentences ({why}); check its wires and the baud rate",
    UNPLUGGED: "{why}",
}


class GpsStatus(msgspec.Struct, frozen=True):
    """`ok`, `no fix`, `silent` (no sentences) or `unplugged` (the port is gone); `detail` for people."""

    status: str
    detail: str


GpsEvent = GpsFix | GpsStatus


def boottime_ms() -> int:
    """CLOCK_BOOTTIME in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class GpsReader:
    """Owns the port and one thread, which calls `put` with events and nothing else of the caller's."""

    def __init__(
        self,
        port: str,
        baud: int,
        put: Callable[[GpsEvent], None],
        up_ms: Callable[[], int] = boottime_ms,
        floor_utc_ms: int = FLOOR_UTC_MS,
    ) -> None:
        self._port, self._baud, self._put, self._up_ms = port, baud, put, up_ms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gps", daemon=True)
        self._assembler = EpochAssembler(floor_utc_ms)
        self._splitter = Splitter()
        self._bad_sentences: Counter[str] = Counter()
        self._health = Health()
        self._served = False
        self.heard_ms: int | None = None
        """When the last whole sentence came (CLOCK_BOOTTIME); None: never."""

    def start(self) -> None:
        """Begins to read, and goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Ends within two seconds."""
        self._stop.set()
        self._thread.join(timeout=2)

    def refused(self) -> dict[str, int]:
        """What was refused since the start, sentences and epochs, by reason. For after `stop`."""
        return dict(self._bad_sentences + Counter(self._assembler.refused))

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                self._serve()
            except PortError as exc:
                self._say(self._health.gone(), str(exc))
            wait_s = FIRST_WAIT_S if self._served else min(LONGEST_WAIT_S, wait_s * 2)
            self._served = False
            self._stop.wait(random.uniform(FIRST_WAIT_S, wait_s))

    def _serve(self) -> None:
        port = _open(self._port, self._baud)
        try:
            self._splitter = Splitter()
            self._health.opened(self._up_ms())
            while not self._stop.is_set():
                self._take(_receive(port))
                self._say(self._health.passed(self._up_ms()), self._noise())
        finally:
            port.close()
            self._tell(self._assembler.quiet(self._up_ms()))

    def _take(self, data: bytes) -> None:
        """Bytes, or none where the line was quiet for `QUIET_S`."""
        up_ms = self._up_ms()
        if not data:
            self._tell(self._assembler.quiet(up_ms))
        for found in self._splitter.feed(data):
            if isinstance(found, Refused):
                self._bad_sentences[found.reason] += 1
            else:
                self._served = True
                self.heard_ms = up_ms
                self._health.sentence(up_ms)
                self._tell(self._assembler.take(found, up_ms))

    def _tell(self, epoch: Epoch | None) -> None:
        if epoch is None:
            return
        self._say(self._health.epoch(epoch), epoch.refused)
        if epoch.fix:
            self._put(epoch.fix)

    def _noise(self) -> str:
        return f"{self._splitter.noise_bytes} bytes of noise"

    def _say(self, status: str, why: str) -> None:
        """Puts a status, where there is one to put."""
        if status:
            self._put(GpsStatus(status, DETAILS[status].format(port=self._port, why=why)))


def _open(port: str, baud: int) -> serial.Serial:
    try:
        return serial.Serial(port, baud, timeout=QUIET_S, exclusive=True)
    except (OSError, ValueError, termios.error) as exc:
        raise PortError(f"cannot open {port}: {exc}; check cable and path") from exc


def _receive(port: serial.Serial) -> bytes:
    """What has come, waiting `QUIET_S` at most. A port that is gone raises any of three kinds."""
    try:
        first: bytes = port.read(1)
        return first + port.read(port.in_waiting) if first else b""
    except (OSError, TypeError, termios.error) as exc:
        raise PortError(f"{port.port} is gone: {exc}; plug it in again") from exc
