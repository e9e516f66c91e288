"""A network comes back after an hour: the backlogs of a city's vehicles at once, until the last fix is committed.

Each vehicle has a TLS connection of its own, made before the clock starts, and sends the batches that the
unit's own limits make of 3,600 fixes, as fast as the broker takes them. The vehicles are one thread with
packets made before, so that the machine's cores are left to the broker and the gateway.
"""

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from device.link.delivery import MAX_BATCH_BYTES
from device.papers import Papers
from gateway.config import load
from gateway.fleet.revocation import publish_list
from gateway.store.open import Store, open_store
from gateway.store.schema import certificates, logs
from sim.broker import SiteBroker, free_ports
from sim.city import wait_for
from sim.drive.receiver import Receiver
from sim.drive.truth import Town
from sim.keys import CityKeys
from sim.measure.backlog import BOOT
from sim.measure.publisher import connect, packet
from sim.measure.row import Row
from sim.program import Program
from wire import codec, topics
from wire.batch import encode_batch, encode_record
from wire.chain import START, Signer, signed_text, walk
from wire.limits import MAX_FIXES
from wire.live import Hello
from wire.records import Track
from wire.track import TrackFix, columns

VEHICLES, FIXES = 231, 3_600
DRIVES = 6
"""Drives that were driven; each is many vehicles'."""

UTC0_MS = 1_795_000_000_000
DROPPED_OUT = 1.3
"""So much longer a drive must be to have all its fixes."""

LIMIT_S = 180.0


class Vehicle(Struct, frozen=True):
    """A unit that comes back: its greeting and its batches, as packets; how many records they hold."""

    unit: str
    papers: Papers
    greeting: bytes
    batches: list[bytes]
    records: int


def measure(folder: Path) -> Iterator[Row]:
    """Once: it is an outage of all."""
    drives = [drive(seed) for seed in range(9_500, 9_500 + DRIVES)]
    keys = CityKeys(folder / "keys")
    fleet = [
        vehicle(f"v-{number:03d}", drives[number % DRIVES], keys, folder)
        for number in range(VEHICLES)
    ]
    took_s = _commit_s(folder, keys, fleet)
    fixes = VEHICLES * FIXES
    size = sum(len(made) for one in fleet for made in one.batches)
    yield Row(f"outage: {VEHICLES} vehicles, an hour, committed in", took_s, "s", at_most=10)
    yield Row("outage: fixes verified and committed", fixes / took_s, "fixes/s")
    yield Row("outage: on the wire", size / fixes, "bytes/fix")


def vehicle(unit: str, raws: list[bytes], keys: CityKeys, folder: Path) -> Vehicle:
    """A vehicle that comes back with the records `raws`."""
    papers = keys.papers(unit, folder / unit)
    hello = Hello(1, secrets.token_hex(16), BOOT, [], papers.shown)
    topic = topics.hello(unit)
    greeting = packet(topic, codec.encode_signed(hello, topic, papers))
    sent = [packet(*message) for message in batches(unit, raws, papers)]
    return Vehicle(unit, papers, greeting, sent, len(raws))


def drive(seed: int) -> list[bytes]:
    """An hour at 1 Hz as records, every fix kept."""
    way = Town(seed).drive(seed, FIXES * DROPPED_OUT)
    seen = islice(Receiver(seed, 1, UTC0_MS).see(way), FIXES)
    fixes = [
        TrackFix(f.utc_ms, f.up_ms, f.lat, f.lon, f.speed_m_s, f.course_deg, f.hacc_m, 9)
        for f in seen
    ]
    return [_segment(fixes[at : at + MAX_FIXES]) for at in range(0, FIXES, MAX_FIXES)]


def _segment(fixes: list[TrackFix]) -> bytes:
    last = fixes[-1]
    return encode_record(
        Track(
            boot=BOOT,
            up_ms=last.up_ms + 240,
            at_ms=(last.at_ms or 0) + 240,
            clock="gnss",
            clock_err_ms=300,
            t0_ms=fixes[0].at_ms,
            up0_ms=fixes[0].up_ms,
            **columns(fixes),
        )
    )


def batches(unit: str, raws: list[bytes], signer: Signer) -> list[tuple[str, bytes]]:
    """The messages that a unit makes of its records."""
    log, hs = secrets.token_hex(8), [START, *walk(START, raws)]
    made: list[tuple[str, bytes]] = []
    first = 0
    while first < len(raws):
        size, last = 0, first
        while last < len(raws) and size + len(raws[last]) <= MAX_BATCH_BYTES:
            size, last = size + len(raws[last]), last + 1
        part, prev = raws[first:last], hs[first]
        text = signed_text(unit, "track", log, first + 1, prev, len(part), hs[last])
        payload = encode_batch(log, first + 1, prev, part, (signer.kid, signer.sign(text)))
        made.append((topics.log(unit, "track"), payload))
        first = last
    return made


def _commit_s(folder: Path, keys: CityKeys, fleet: list[Vehicle]) -> float:
    """From the first packet sent to the commit of the last record."""
    config = folder / "gateway.toml"
    config.write_text(_site(free_ports(3)), "utf-8")
    with ExitStack() as until_done:
        store = until_done.enter_context(closing(open_store(load(config).store.url)))
        publish_list(keys.folder, store)
        broker = SiteBroker(config).start()
        until_done.callback(broker.stop)
        worker = Program(["gateway", "ingest", "--config", str(config)], folder / "ingest.log")
        until_done.callback(worker.stop)
        worker.start()
        lines = [
            until_done.enter_context(connect(broker.port, one.unit, one.papers.tls()))
            for one in fleet
        ]
        _greet(lines, fleet, store)
        begun_s = time.perf_counter()
        for turn in zip_longest(*(one.batches for one in fleet)):
            for line, made in zip(lines, turn, strict=True):
                line.sendall(made or b"")
        if not wait_for(lambda: _committed(store, fleet), LIMIT_S):
            raise RuntimeError(f"not all was committed; see {folder / 'ingest.log'}")
        return time.perf_counter() - begun_s


def _site(port: int) -> str:
    """A gateway with its own mosquitto at `port` and the two that follow."""
    return f"""\
[[broker]]
host = "127.0.0.1"
port = {port + 2}
[mosquitto]
address = "127.0.0.1"
units_port = {port}
enrol_port = {port + 1}
gateway_port = {port + 2}
[store]
url = "sqlite:///store.db"
"""


def _greet(lines: list[socket.socket], fleet: list[Vehicle], store: Store) -> None:
    """Greets until the gateway, once it listens, knows every vehicle's certificate."""
    known = sa.select(sa.func.count()).where(certificates.c.unit.in_([one.unit for one in fleet]))
    for _ in range(round(LIMIT_S)):
        for line, one in zip(lines, fleet, strict=True):
            line.sendall(one.greeting)
        if wait_for(lambda: _count(store, known) == len(fleet), 1.0):
            return
    raise RuntimeError("the gateway does not listen")


def _committed(store: Store, fleet: list[Vehicle]) -> bool:
    """Whether every record of every vehicle is."""
    heads = sa.select(sa.func.sum(logs.c.next - 1)).where(logs.c.stream == "track")
    return _count(store, heads) == sum(one.records for one in fleet)


def _count(store: Store, query: sa.Select[Any]) -> int:
    with store.reading() as connection:
        found: int | None = connection.execute(query).scalar()
    return found or 0
