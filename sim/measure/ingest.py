"""How much goes through ingest to commit and acknowledgement, beside what a bare mosquitto_sub receives."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.store.open import open_store
from sim.broker import Broker
from sim.keys import CityKeys
from sim.measure.journal import a_checkin
from sim.measure.publisher import packets, publish
from sim.measure.row import Row
from sim.program import Program
from wire import codec, topics
from wire.batch import encode_batch, encode_record
from wire.chain import START, signed_text, walk
from wire.codec import decode_answer
from wire.keys import KeySigner, holds
from wire.live import WorkerState
from wire.orders import Ack
from wire.records import Stream, Track
from wire.track import TrackFix, columns
from wire.words import Fault

UNITS = 20
NAMES = [f"b-{number:02d}" for number in range(UNITS)]
SINGLES = 2_000
"""Records of a unit, each in a batch of its own."""

SEGMENTS, PER_BATCH = 400, 20
FIXES = 60
ROUNDS = 5
CHECKS = 3_000
LIMIT_S = 120.0
Load = list[tuple[str, bytes]]


def measure(folder: Path) -> Iterator[Row]:
    """The same messages to both, one after the other."""
    if shutil.which("mosquitto_sub") is None:
        raise Fault("需要 mosquitto-clients", "mosquitto_sub is needed: install mosquitto-clients")
    broker, keys = Broker(folder).start(), CityKeys(folder / "keys")
    try:
        yield from _singles(folder, broker, keys)
        yield from _segments(folder, broker, keys)
    finally:
        broker.stop()


def _singles(folder: Path, broker: Broker, keys: CityKeys) -> Iterator[Row]:
    """In turns, so that a slow moment of the machine meets both sides."""
    load = interleaved([_single_batches(unit, keys.signer(unit)) for unit in NAMES])
    bare, checks, ours = [], [], []
    for round_ in range(ROUNDS):
        bare.append(len(load) / _bare_s(broker, load))
        checks.append(_checks_per_s())
        store = folder / f"event-{round_}.db"
        ours.append(len(load) / _ingest_s(store, broker, keys, load, "event", SINGLES))
    of_bare = median(o / b for o, b in zip(ours, bare, strict=True))
    of_checks = median(o / c for o, c in zip(ours, checks, strict=True))
    yield Row(
        "ingest: single-record batches, committed and acknowledged", median(ours), "records/s"
    )
    yield Row("bare mosquitto_sub, the same messages", median(bare), "messages/s")
    yield Row("ingest / bare mosquitto_sub", of_bare, "ratio")
    yield Row("ingest / bare signature checks of one core", of_checks, "ratio", at_least=0.5)


def _checks_per_s() -> float:
    """How many signatures one core can check and do nothing else: what a record of its own batch costs at least."""
    key = Ed25519PrivateKey.generate()
    public, text = key.public_key().public_bytes_raw(), bytes(180)
    sig = KeySigner(key).sign(text)
    begun_s = time.perf_counter()
    for _ in range(CHECKS):
        holds(public, text, sig)
    return CHECKS / (time.perf_counter() - begun_s)


def _segments(folder: Path, broker: Broker, keys: CityKeys) -> Iterator[Row]:
    load = interleaved([_segment_batches(unit, keys.signer(unit)) for unit in NAMES])
    took_s = _ingest_s(folder / "track.db", broker, keys, load, "track", SEGMENTS)
    fixes = UNITS * SEGMENTS * FIXES
    yield Row("ingest: fixes in track segments", fixes / took_s, "fixes/s", at_least=200_000)


def interleaved(per_unit: Sequence[Load]) -> Load:
    """One message of each unit after another."""
    return [message for row in zip(*per_unit, strict=True) for message in row]


def _single_batches(unit: str, key: KeySigner) -> Load:
    return batches(unit, "event", [a_checkin(n) for n in range(1, SINGLES + 1)], 1, key)


def _segment_batches(unit: str, key: KeySigner) -> Load:
    raws = [encode_record(segment(n)) for n in range(1, SEGMENTS + 1)]
    return batches(unit, "track", raws, PER_BATCH, key)


def segment(number: int, fixes: int = FIXES) -> Track:
    """A driven minute as a unit writes it."""
    at_ms = 1_795_000_000_000 + number * 60_000
    driven = [
        TrackFix(
            at_ms + k * 1000,
            number * 60_000 + k * 1000,
            27.24 + k * 8e-5,
            111.47,
            9.1,
            12.5,
            2.1,
            14,
        )
        for k in range(fixes)
    ]
    folded = columns(driven)
    return Track(
        boot="9c1b22f0",
        up_ms=number * 60_000,
        at_ms=at_ms,
        clock="gnss",
        clock_err_ms=300,
        t0_ms=at_ms,
        up0_ms=number * 60_000,
        **folded,
    )


def batches(unit: str, stream: Stream, raws: list[bytes], size: int, key: KeySigner) -> Load:
    """A unit's log of `raws` as messages of `size` records, each signed with `key`."""
    hs = [START, *walk(START, raws)]
    log = unit.encode().hex().ljust(16, "0")[:16]
    load = []
    for at in range(0, len(raws), size):
        part = raws[at : at + size]
        text = signed_text(unit, stream, log, at + 1, hs[at], len(part), hs[at + len(part)])
        signature = (key.kid, key.sign(text))
        load.append((topics.log(unit, stream), encode_batch(log, at + 1, hs[at], part, signature)))
    return load


def _bare_s(broker: Broker, load: Load) -> float:
    """From the first message sent to the last one that mosquitto_sub has printed."""
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-q", "1"]
    count = ["-C", str(len(load)), "-t", topics.ALL_UP, "-F", "%l"]
    process = subprocess.Popen([*command, *count], stdout=subprocess.DEVNULL)
    _until_subscribed(broker)
    begun_s = time.perf_counter()
    publish(broker.port, packets(load))
    process.wait(LIMIT_S)
    return time.perf_counter() - begun_s


def _until_subscribed(broker: Broker) -> None:
    """mosquitto_sub says nothing when it has subscribed; a second is a hundred times what it needs."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=5):
        time.sleep(1.0)


def _ingest_s(
    store: Path, broker: Broker, keys: CityKeys, load: Load, stream: Stream, last: int
) -> float:
    """From the first message sent to the acknowledgement of every unit's last record."""
    config = store.with_suffix(".toml")
    config.write_text(
        f'[[broker]]\nhost = "127.0.0.1"\nport = {broker.port}\ntls = false\n'
        f'[store]\nurl = "sqlite:///{store}"\n',
        "utf-8",
    )
    with closing(open_store(f"sqlite:///{store}")) as new:
        keys.introduce(new)
    acks = _Acks(broker.port, stream, last)
    worker = Program(["gateway", "ingest", "--config", str(config)], store.with_suffix(".log"))
    try:
        worker.start()
        acks.worker_here.wait(LIMIT_S)
        begun_s = time.perf_counter()
        publish(broker.port, packets(load))
        if not acks.done.wait(LIMIT_S):
            raise RuntimeError(f"only {len(acks.finished)} of {UNITS} units were acknowledged")
        return time.perf_counter() - begun_s
    finally:
        worker.stop()
        acks.close()


class _Acks:
    """Hears the gateway's answers; `done` when every unit's last record is acknowledged."""

    def __init__(self, port: int, stream: Stream, last: int) -> None:
        self.done, self.worker_here = threading.Event(), threading.Event()
        self.finished: set[str] = set()
        self._last = last
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"bench-{stream}")
        self._client.on_message = lambda _, __, message: self._heard(
            message.topic, bytes(message.payload)
        )
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(f"{topics.ROOT}/+/down/ack/{stream}", 0), (topics.ALL_WORKERS, 0)])
        self._client.loop_start()

    def _heard(self, topic: str, payload: bytes) -> None:
        if not topic.endswith(("event", "track")):
            if codec.decode(payload, WorkerState).online:
                self.worker_here.set()
            return
        answer = decode_answer(payload, topic).message
        if isinstance(answer, Ack) and answer.next == self._last + 1:
            self.finished.add(topic)
            if len(self.finished) == UNITS:
                self.done.set()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
