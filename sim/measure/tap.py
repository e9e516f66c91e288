"""From the simulated card's `present` to the buzzer pin's edge and to the platform, with a long backlog.

The beep is measured with 100,000 events waiting and no broker; the platform with 100,000 track
records that begin to drain with the first tap, since events go before tracks.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

from hardware.pn532.twin import Pn532Twin
from sim.city import City, Unit, wait_for
from sim.measure.ingest import segment
from sim.measure.journal import a_checkin, fill
from sim.measure.row import Row
from sim.measure.unit import rss_mb
from sim.tally import percentiles
from sim.tapper import Tap, Tapper
from wire.batch import encode_record

BACKLOG = 100_000
TAPS = 120
FIXES = 10
PAUSE_S = (0.0, 0.05)
NEVER = 1
"""A port that nobody listens on."""


class Box:
    """A checkpoint with a backlog, and an officer."""

    def __init__(self, city: City, name: str) -> None:
        port = city.folder / f"{name}.nfc"
        self.reader = Pn532Twin(port)
        self.unit: Unit = city.add(name, "checkpoint", f'[nfc]\nport = "{port}"\n')
        self.tapper = Tapper(name, self.reader, self.unit.trace, seed=1)

    def tap(self, times: int) -> list[Tap]:
        """Taps, one badge after another."""
        stop = threading.Event()
        taps = []
        for _ in range(times):
            taps.append(self.tapper.tap(self.tapper.new_badge()))
            stop.wait(PAUSE_S[1])
        return taps

    def close(self) -> None:
        self.unit.program.stop()
        self.tapper.close()
        self.reader.stop()


def measure(folder: Path) -> Iterator[Row]:
    """First without a link, then with one."""
    with City(folder) as city:
        city.broker.cut()
        yield from _to_beep(city)
        city.broker.start()
        yield from _to_platform(city)


def _to_beep(city: City) -> Iterator[Row]:
    box = Box(city, "cp-beep")
    try:
        fill(box.unit.folder / "journal.db", "event", BACKLOG, a_checkin)
        box.unit.program.start()
        box.tap(3)
        taps = box.tap(TAPS)
        memory = rss_mb(box.unit.program.pid)
    finally:
        box.close()
    whole = percentiles((t.beep_ns - t.presented_ns) / 1e6 for t in taps if t.beep_ns)
    own = percentiles((t.beep_ns - t.told_ns) / 1e6 for t in taps if t.beep_ns and t.told_ns)
    if whole.n < TAPS or whole.p99 is None or own.p99 is None:
        raise RuntimeError(f"{TAPS - whole.n} of {TAPS} taps did not beep")
    yield Row("tap to beep, 100,000 events waiting: p50", whole.p50 or 0.0, "ms")
    yield Row("tap to beep, 100,000 events waiting: p99", whole.p99, "ms", at_most=100)
    yield Row("of it after the chip's answer: p99", own.p99, "ms", at_most=20)
    yield Row("unit: resident memory with 100,000 events waiting", memory, "MiB", at_most=45)


def _to_platform(city: City) -> Iterator[Row]:
    box = Box(city, "cp-platform")
    try:
        fill(box.unit.folder / "journal.db", "track", BACKLOG, _track)
        box.unit.program.start()
        if not wait_for(
            lambda: any(row["unit"] == "cp-platform" for row in city.committed("boot"))
        ):
            raise RuntimeError(f"the unit was not heard of; see {box.unit.folder}")
        taps = box.tap(TAPS)
        wait_for(lambda: len(_arrivals(city)) >= TAPS)
        first = _arrivals(city)
    finally:
        box.close()
    whole = percentiles((first[t.uid] - t.presented_ns) / 1e6 for t in taps if t.uid in first)
    own = percentiles((first[t.uid] - (t.told_ns or 0)) / 1e6 for t in taps if t.uid in first)
    if whole.n < TAPS or whole.p99 is None or own.p99 is None:
        raise RuntimeError(f"{TAPS - whole.n} of {TAPS} taps did not reach the platform")
    yield Row("tap to platform, 100,000 tracks draining: p50", whole.p50 or 0.0, "ms")
    yield Row("tap to platform, 100,000 tracks draining: p99", whole.p99, "ms", at_most=150)
    yield Row("of it after the chip's answer: p99", own.p99, "ms", at_most=60)


def _arrivals(city: City) -> dict[str, int]:
    """CLOCK_MONOTONIC ns at which the platform first had each badge."""
    first: dict[str, int] = {}
    for received_ns, event in city.received():
        if event["type"] == "cn.xunkong.checkin.v1":
            first.setdefault(event["data"]["badge"], received_ns)
    return first


def _track(number: int) -> bytes:
    return encode_record(segment(number, FIXES))
