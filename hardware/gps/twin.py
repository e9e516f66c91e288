"""A simulated GPS module: plays a recorded NMEA byte log through a pseudo-terminal.

What it cannot do: take commands, take a UART's time for its bytes (an epoch comes in one burst), or show
where in a burst of the recording its pauses were.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hardware.gps.meaning import TIME_AT, time_of_day
from hardware.gps.nmea import Sentence, Splitter, checksum, frame
from hardware.gps.sanity import DAY_MS
from hardware.pty import SerialLine

LONGEST_PAUSE_S = 1.0
"""Between two epochs, also where the recording has a hole."""

STEP_MS = 10
"""Two restamped epochs are at least this far apart, since most modules send hundredths."""

DATE_AT = {"RMC": 8}
_TIMED = {**TIME_AT, "GBS": 0, "GRS": 0}
_LINE = re.compile(rb"\$([!-#%-)+-~ ]+)\*([0-9A-Fa-f]{2})")
_HEADER = re.compile(rb"(?:#[^\n]*\n|\r?\n)*")


class Burst(msgspec.Struct, frozen=True):
    """The bytes of one epoch, and the pause before the next at rate 1."""

    data: bytes
    pause_s: float


class GpsTwin:
    """One module. `port` is what a reader opens; `rate` plays so many times faster, as does the vehicle.

    `restamp` puts the present date and time into the sentences that have one, so that an old recording
    is a live receiver. `sent` is told of every burst as it goes out, from the twin's thread, which owns
    the playing. At another rate than `baud` the reader gets noise (None: any rate will do). `plug` and
    `unplug` may be called from any thread.
    """

    def __init__(
        self,
        recording: Path | str | bytes,
        loop: bool = False,
        rate: float = 1.0,
        restamp: bool = False,
        now_utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sent: Callable[[bytes], None] = lambda data: None,
        baud: int | None = None,
    ) -> None:
        data = recording if isinstance(recording, bytes) else Path(recording).read_bytes()
        self._bursts = bursts(data)
        self._loop, self._rate, self._restamp, self._now = loop, rate, restamp, now_utc_ms
        self._sent, self._baud = sent, baud
        self._stamp_ms = 0
        self._line = SerialLine(plugged=False)
        self._stop = threading.Event()
        self.ended = threading.Event()
        """Set when the recording has been played, never where it loops."""
        self._thread = threading.Thread(target=self._run, name="gps-twin", daemon=True)

    @property
    def port(self) -> str:
        """The path to open: the link, or the pseudo-terminal itself. Raises `PortError` if unplugged."""
        return self._line.port

    def start(self) -> None:
        """Plugs it in, where it is not, and begins to play."""
        if not self._line.plugged:
            self.plug()
        self._thread.start()

    def silence(self) -> None:
        """Ends the playing within two seconds; the port stays."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2)

    def stop(self) -> None:
        """Ends the playing, and takes the port away."""
        self.silence()
        self.unplug()

    def plug(self, link: Path | str | None = None) -> None:
        """Makes the port anew; `link` is a path that stays the same over unplugging, None: the last one."""
        self._line.plug(None if link is None else Path(link))

    def unplug(self) -> None:
        """Takes the port away; the recording plays on unheard."""
        self._line.unplug()

    def _run(self) -> None:
        playing = True
        while playing and self._bursts:
            for burst in self._bursts:
                data = self._stamped(burst.data) if self._restamp else burst.data
                self._sent(data)
                self._line.write(data if self._heard_right() else _misread(data))
                if self._stop.wait(burst.pause_s / self._rate):
                    return
            playing = self._loop
        self.ended.set()

    def _heard_right(self) -> bool:
        return self._baud is None or self._line.baud() == self._baud

    def _stamped(self, data: bytes) -> bytes:
        self._stamp_ms = max(self._now(), self._stamp_ms + STEP_MS) // STEP_MS * STEP_MS
        return restamped(data, self._stamp_ms)


def _misread(data: bytes) -> bytes:
    """What a UART at another rate makes of it: as many wrong bytes, most of them with the high bit set."""
    return bytes(byte * 7 + 13 & 0x7F | 0x80 for byte in data)


def bursts(data: bytes) -> list[Burst]:
    """A recording by epochs, without the `#` header of gpsd's recordings; no other byte is lost.

    A burst begins with a sentence of another time of day; where a module sends GSV or GSA first, they
    go with the burst before.
    """
    groups: list[tuple[int | None, list[bytes]]] = [(None, [])]
    header = _HEADER.match(data)
    for line in data[header.end() if header else 0 :].splitlines(keepends=True):
        tod_ms = _tod_ms(line)
        if tod_ms is not None and groups[-1][0] not in (None, tod_ms):
            groups.append((tod_ms, []))
        elif tod_ms is not None:
            groups[-1] = tod_ms, groups[-1][1]
        groups[-1][1].append(line)
    return [burst for burst in _paused(groups) if burst.data]


def restamped(data: bytes, utc_ms: int) -> bytes:
    """The same sentences with another date and time, each in as many digits as it had.

    Empty fields stay empty, and a sentence whose checksum was wrong stays as it was.
    """
    now = datetime.fromtimestamp(utc_ms / 1000, UTC)
    return _LINE.sub(lambda match: _restamp(match, now), data)


def _tod_ms(line: bytes) -> int | None:
    times = (time_of_day(found) for found in Splitter().feed(line) if isinstance(found, Sentence))
    return next((tod_ms for tod_ms in times if tod_ms is not None), None)


def _paused(groups: list[tuple[int | None, list[bytes]]]) -> Iterator[Burst]:
    for (tod_ms, lines), (next_ms, _) in zip(groups, [*groups[1:], (None, [])], strict=True):
        yield Burst(b"".join(lines), _pause_s(tod_ms, next_ms))


def _pause_s(tod_ms: int | None, next_ms: int | None) -> float:
    """The recording's own step where it is a step, over midnight too; else the longest."""
    if tod_ms is None or next_ms is None:
        return LONGEST_PAUSE_S
    return min(LONGEST_PAUSE_S, (next_ms - tod_ms) % DAY_MS / 1000)


def _restamp(match: re.Match[bytes], now: datetime) -> bytes:
    if checksum(match[1]) != int(match[2], 16):
        return match[0]
    address, *fields = match[1].decode("ascii").split(",")
    kind = address[2:] if not address.startswith("P") else ""
    if kind in _TIMED and len(fields) > _TIMED[kind]:
        fields[_TIMED[kind]] = _time(now, fields[_TIMED[kind]])
    if kind in DATE_AT and len(fields) > DATE_AT[kind] and fields[DATE_AT[kind]]:
        fields[DATE_AT[kind]] = f"{now:%d%m%y}"
    if kind == "ZDA" and len(fields) > 3 and all(fields[1:4]):
        fields[1:4] = f"{now:%d,%m,%Y}".split(",")
    return frame(",".join((address, *fields))).rstrip()


def _time(now: datetime, was: str) -> str:
    """`hhmmss.sss` with as many decimals as there were, six at most."""
    if not was:
        return was
    decimals = len(was.partition(".")[2])
    text = f"{now:%H%M%S}"
    return f"{text}.{now:%f}"[: 7 + decimals] if decimals else text
