"""From the first tap after an outage to the platform: a link that was cut, and one that died without a word.

The unit has a backlog of tracks that drains all the while, and taps that were made during the outage.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

from hardware.pn532.twin import Pn532Twin
from sim.chaos.line import Mode, Open
from sim.chaos.rig import Lines, Way
from sim.city import City, wait_for
from sim.measure.ingest import segment
from sim.measure.journal import fill
from sim.measure.row import Row
from sim.tally import percentiles
from sim.tapper import Tap, Tapper
from wire.batch import encode_record

BACKLOG, FIXES = 50_000, 10
OUTAGES_S = (1.0, 3.0, 6.0, 10.0, 15.0)
TAPS = 3
ARRIVES_S = 60.0
UNIT = "cp-heal"
KINDS: tuple[tuple[Mode, str], ...] = (("cut", "cut"), ("half open", "silent"))


def measure(folder: Path) -> Iterator[Row]:
    """A row for each kind of outage, and one for both."""
    with City(folder, tls=True) as city:
        site = Site(city)
        try:
            site.begin()
            found = {name: [site.outage(mode, s) for s in OUTAGES_S] for mode, name in KINDS}
        finally:
            site.close()
    for name, values in found.items():
        yield Row(
            f"first tap after a {name} link, at the platform: p50", _at(values).p50 or 0, "ms"
        )
    every = _at([ms for values in found.values() for ms in values])
    yield Row(
        "first tap after an outage, at the platform: worst of 10",
        every.max or 0,
        "ms",
        at_most=3000,
    )


_at = percentiles


class Site:
    """A checkpoint with a backlog behind a line that can be broken."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._lines = Lines(city.folder / "lines.log")
        port = city.folder / f"{UNIT}.nfc"
        self._reader = Pn532Twin(port)
        way = Way(self._lines.open(Open(UNIT, city.broker.port)))
        self._unit = city.add(UNIT, "checkpoint", f'[nfc]\nport = "{port}"\n', via=way)
        self._tapper = Tapper(UNIT, self._reader, self._unit.trace, seed=1)
        self._pause = threading.Event()

    def begin(self) -> None:
        """Fills the journal and starts the unit; returns once a tap has arrived."""
        fill(self._unit.folder / "journal.db", "track", BACKLOG, _track)
        self._unit.program.start()
        self._arrival_ms(self._tap())

    def outage(self, mode: Mode, for_s: float) -> float:
        """Breaks the line, taps, mends it, taps: milliseconds from that tap to the platform."""
        self._lines.set(UNIT, mode)
        for _ in range(TAPS):
            self._tap()
        self._pause.wait(for_s)
        self._lines.set(UNIT, "whole")
        return self._arrival_ms(self._tap())

    def _tap(self) -> Tap:
        tap = self._tapper.tap(self._tapper.new_badge(), wait_s=ARRIVES_S)
        if tap.beep_ns is None:
            raise RuntimeError(f"a tap did not beep; see {self._unit.folder}")
        return tap

    def _arrival_ms(self, tap: Tap) -> float:
        if not wait_for(lambda: self._arrived_ns(tap.uid) is not None, ARRIVES_S):
            raise RuntimeError(
                f"a tap did not arrive within {ARRIVES_S} s; see {self._city.folder}"
            )
        return ((self._arrived_ns(tap.uid) or 0) - tap.presented_ns) / 1e6

    def _arrived_ns(self, uid: str) -> int | None:
        for received_ns, event in self._city.received():
            if event["type"] == "cn.xunkong.checkin.v1" and event["data"]["badge"] == uid:
                return received_ns
        return None

    def close(self) -> None:
        """Ends unit, reader and line; the city ends by itself."""
        self._unit.program.stop()
        self._tapper.close()
        self._reader.stop()
        self._lines.close()


def _track(number: int) -> bytes:
    return encode_record(segment(number, FIXES))
