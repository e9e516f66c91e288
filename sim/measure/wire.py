"""Bytes on the wire: of a fix in the backlog of an hour's outage, and of a live position.

Counted are whole PUBLISH packets, batches signed; TLS, TCP and IP are left out. Two receivers: one whose
errors wander by a metre or two, and one in streets with noise in all that it says, multipath and drop-outs
(`sim.drive.receiver`). A fix counts when the unit kept it: of a standing car it keeps one a minute.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import msgspec

from device.core.economy import Economy
from device.core.events import Fix
from device.core.fences import offset_m
from device.core.picture import Picture
from device.gps_decode import Decoding
from device.parts import fix_event
from hardware.gps.synthetic import START_LAT, START_LON, Car, drive, epoch
from sim.drive.receiver import Receiver
from sim.drive.truth import Town
from sim.keys import CityKeys
from sim.measure.backlog import Vehicle
from sim.measure.publisher import packet
from sim.measure.row import Row
from wire import topics

HOUR_S = 3_600
UTC0_MS = 1_795_000_000_000
SEEDS = range(9_400, 9_404)
SATS, SATS_HOLD_S = range(6, 15), 20
LINKS = {"1 MB/s": 1_000_000, "4 kB/s": 4_000}
AGE_MS = 999
"""How old a position may be when it is told: the next one is there then."""

SHORT, LONGEST = "v-03-2", "v" * 32


def smooth(seed: int) -> list[Fix]:
    """An hour as a receiver with an open sky sees it, through NMEA."""
    nmea = b"".join(drive(UTC0_MS, HOUR_S, seed))
    return [fix_event(fix) for fix in Decoding(nmea).fixes()]


def noisy(seed: int) -> list[Fix]:
    """An hour in streets, through NMEA: the accuracy is what HDOP makes of it, and changes with the satellites."""
    dice, sats, nmea = Random(seed), 9, b""
    for fix in Receiver(seed, 1, UTC0_MS).see(Town(seed).drive(seed, HOUR_S)):
        sats = dice.choice(SATS) if dice.random() < 1 / SATS_HOLD_S else sats
        east_m, north_m = offset_m(START_LAT, START_LON, fix.lat, fix.lon)
        car = Car(east_m, north_m, fix.course_deg or 0.0, fix.speed_m_s or 0.0)
        nmea += epoch(fix.utc_ms or UTC0_MS, car, hdop=8.3 / sats, sats=sats)
    return [fix_event(fix) for fix in Decoding(nmea).fixes()]


RECEIVERS: dict[str, Callable[[int], list[Fix]]] = {"smooth": smooth, "noisy": noisy}


def measure(folder: Path) -> Iterator[Row]:
    """Backlogs of each receiver over each link; then `pos`."""
    for receiver, see in RECEIVERS.items():
        hours = [see(seed) for seed in SEEDS]
        for link, bytes_s in LINKS.items():
            place = folder / f"{receiver}-{bytes_s}"
            place.mkdir()
            size = backlog_bytes(place, hours, bytes_s)
            yield Row(f"a fix in a backlog, {receiver} receiver, {link}", size, "bytes", at_most=9)
        for unit in (SHORT, LONGEST):
            most = max(pos_bytes(unit, fix) for hour in hours for fix in hour)
            what = f"a position on `pos`, {receiver} receiver, name of {len(unit)}: most"
            yield Row(what, most, "bytes", at_most=160)


def backlog_bytes(folder: Path, hours: list[list[Fix]], bytes_s: int) -> float:
    """Bytes for each fix kept, of vehicles that come back after an hour each."""
    fixes = size = 0
    keys = CityKeys(folder / "keys")
    for number, hour in enumerate(hours):
        unit = f"v-03-{number}"
        with Vehicle(unit, folder, keys.papers(unit, folder / unit)) as vehicle:
            fixes += vehicle.record(hour)
            size += sum(len(packet(*message)) for message in vehicle.deliver(bytes_s))
    return size / fixes


def pos_bytes(unit: str, fix: Fix) -> int:
    """Bytes of the packet that tells of `fix`, shortly before the next one is there."""
    picture = Picture(unit, "vehicle", "9c1b22f0", "bench", Economy())
    picture.saw(fix)
    payload = msgspec.json.encode(picture.pos(fix.up_ms + AGE_MS))
    return len(packet(topics.pos(unit), payload, qos=0))
