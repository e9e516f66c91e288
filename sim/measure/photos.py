"""Taps over a 2G link while a photo trickles: how soon they are at the platform, and what the photo takes.

Over TLS; 20 kbit/s each way, 800 ms there and back, one segment in a hundred lost; the unit's share for photos as it
is by default. The same taps without a photo are measured beside them.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sim.city import City, wait_for
from sim.demo import Checkpoint
from sim.measure.row import Row
from sim.narrow import Narrow, Road
from sim.tally import percentiles
from sim.tapper import Tap

ROAD = Road(bytes_s=20_000 / 8, delay_s=0.4, loss=0.01)
CAMERA = '[camera]\nkind = "sim"\nwidth = 1280\nheight = 960\nquality = 90\n'
TAPS, PAUSE_S, MOST_S = 15, 4.0, 120.0
BEEP_S = 30.0
"""The first tap waits for the unit's start."""

SHARE = 0.5
"""What `[camera] link_pct` is if nothing else is said."""


def measure(folder: Path) -> Iterator[Row]:
    """First without photos, then with one that takes longer than all taps."""
    with City(folder, tls=True) as city:
        yield from _taps(city, "cp-plain", "", "alone")
        yield from _taps(city, "cp-photo", CAMERA, "a photo trickling")


def over(city: City, at: Checkpoint, road: Road) -> Narrow:
    """Puts a narrow way between a unit that is not started yet and its broker."""
    narrow = Narrow(city.broker.port, road)
    text = at.unit.config.read_text("utf-8")
    near = text.replace(f"port = {city.broker.port}", f"port = {narrow.port}")
    at.unit.config.write_text(near, "utf-8")
    return narrow


def arrivals(city: City, unit: str) -> dict[str, int]:
    """CLOCK_MONOTONIC ns at which the platform first had each badge that was shown to `unit`."""
    first: dict[str, int] = {}
    for received_ns, event in city.received():
        if event["type"] == "cn.xunkong.checkin.v1" and event["source"] == f"/units/{unit}":
            first.setdefault(event["data"]["badge"], received_ns)
    return first


def part_bytes(city: City) -> int:
    """How much the gateway has of photos that are on their way."""
    return sum(path.stat().st_size for path in (city.folder / "photos").glob("parts/*/*.part"))


def _taps(city: City, name: str, camera: str, how: str) -> Iterator[Row]:
    at = Checkpoint(city, name, seed=1)
    narrow = over(city, at, ROAD)
    with at.unit.config.open("a", encoding="utf-8") as file:
        file.write(camera)
    at.unit.program.start()
    try:
        _tap(city, at)
        if camera and not wait_for(lambda: part_bytes(city) > 0, MOST_S):
            raise RuntimeError(f"no photo began to come; see {at.unit.folder}")
        began_s, began_bytes = time.monotonic(), part_bytes(city)
        taps = [_tap(city, at) for _ in range(TAPS)]
        took_s, came = time.monotonic() - began_s, part_bytes(city) - began_bytes
    finally:
        at.unit.program.stop()
        at.close()
        narrow.close()
    first = arrivals(city, name)
    came_in = percentiles((first[t.uid] - t.presented_ns) / 1e6 for t in taps)
    yield Row(f"2G, tap to platform, {how}: p50", came_in.p50 or 0.0, "ms")
    goal = 3_000 if camera else None
    yield Row(
        f"2G, tap to platform, {how}: slowest of {TAPS}", came_in.p99 or 0.0, "ms", at_most=goal
    )
    if camera:
        share = came / took_s / ROAD.bytes_s
        yield Row(
            "2G, share of the link that the photo took", 100 * share, "%", at_most=100 * SHARE
        )


def _tap(city: City, at: Checkpoint) -> Tap:
    """A tap, once it is at the platform; then an officer's pause."""
    tap = at.tapper.tap(at.tapper.new_badge(), BEEP_S)
    if not wait_for(lambda: tap.uid in arrivals(city, at.unit.name), MOST_S):
        raise RuntimeError(f"a tap did not reach the platform; see {at.unit.folder}")
    threading.Event().wait(PAUSE_S)
    return tap
