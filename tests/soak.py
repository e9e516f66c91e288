"""The rig of the soak: units with their real drivers in this process, twins, and a clock that runs an hour in a minute.

Injected are the boot's clock and the wall clock, as every module of the unit asks for them. What is not:
how long a chip, a process or a broker takes; that passes at its own pace, so a reader that is away for
half a second is away for half a minute of the hour.
"""

import ctypes
import gc
import hashlib
import logging
import os
import queue
import random
import sqlite3
import threading
import time
from collections import Counter
from errno import ENOSPC
from functools import partial
from pathlib import Path

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

import device.link.mqtt as link
import device.runner as running
import hardware.camera.driver as camera
import hardware.gps.reader as gps
import hardware.pn532.poller as nfc
from device import system
from device.config import DeviceConfig
from device.core.events import TimeHeard
from device.journal.journal import Journal
from device.runner import Runner
from hardware.camera.driver import Camera, CameraTimes
from hardware.camera.twin import Control
from hardware.gps.nmea import frame
from hardware.gps.synthetic import drive
from hardware.panel import panel
from hardware.panel.panel import Panel
from hardware.pn532.twin import Pn532Twin
from hardware.pty import SerialLine
from sim.broker import Broker
from sim.tapper import badge
from tests import roster
from tests.keys import Site
from wire import chain, codec, topics
from wire.batch import decode_batch, decode_record
from wire.live import Hello, State, WorkerState
from wire.orders import Ack, ConfigMessage, PhotoAck, UnitConfig
from wire.records import Checkin, Crew

PACE = 60
"""Seconds of the hour in one of the wall's."""

BORN_UTC_MS = 1_795_000_000_000
BORN_UP_S = 20.0
ROSTER = 1200
HEARD_S = 30.0
"""An officer who has heard nothing for so long, over all faults, never will. Wall time."""

GONE_S, MOMENT_S, AGAIN_S = 0.12, 1.0, 4.0
"""After a tap the reader sees that the card is gone; after a bad sound, which may be of something else than
the tap, its own is listened for."""

SHORT_WAITS = {"FIRST_WAIT_S": 0.05, "LONGEST_WAIT_S": 0.5}
TIMES = CameraTimes(
    start_s=10.0, shot_s=0.4, stale_s=2.0, look_every_s=1.0, first_wait_s=0.05, longest_wait_s=0.5
)
GOOD = ("accepted", "stored_offline", "duplicate")
NO_FIX = frame("GNRMC,,V,,,,,,,,,,N") + frame("GNGGA,,,,,,0,00,99.99,,,,,,")

SITE = Site()


class Hour:
    """The simulated time, and `time` as the unit's modules are given it. `jump_ms`: how wrong the wall clock is."""

    def __init__(self):
        self._began_ns = time.monotonic_ns()
        self.jump_ms = 0

    def up_s(self):
        """CLOCK_BOOTTIME of the simulated machine."""
        return BORN_UP_S + (time.monotonic_ns() - self._began_ns) * PACE / 1e9

    def utc_ms(self):
        """The true time."""
        return BORN_UTC_MS + int(self.up_s() * 1000)

    def __getattr__(self, name):
        return getattr(time, name)

    def clock_gettime_ns(self, clock):
        """CLOCK_BOOTTIME is injected, every other one real."""
        if clock != time.CLOCK_BOOTTIME:
            return time.clock_gettime_ns(clock)
        return int(self.up_s() * 1e9)

    def time_ns(self):
        """The system's wall clock."""
        return (self.utc_ms() + self.jump_ms) * 1_000_000

    def steered(self):
        """What the kernel says of its clock: during a jump that NTP keeps it, and that it is right."""
        moment = system.now()
        return TimeHeard("ntp", moment.wall_ms, 50, moment.up_ms) if self.jump_ms else None

    def inject(self, monkeypatch):
        """From here on the unit lives in this hour; its waits for a part or a broker are short.

        pytest would keep each log line with its exception, and so a whole unit that is gone.
        """
        for module in (system, nfc, gps, camera, panel):
            monkeypatch.setattr(module, "time", self)
        for module in (nfc, gps, link):
            for name, value in SHORT_WAITS.items():
                monkeypatch.setattr(module, name, value)
        quiet = logging.getLogger("xunkong")
        monkeypatch.setattr(quiet, "propagate", False)
        monkeypatch.setattr(quiet, "handlers", [logging.NullHandler()])
        monkeypatch.setattr(system, "system_clock", self.steered)
        monkeypatch.setattr(running, "time", RunnersTime(self))
        monkeypatch.setattr(running, "TICK_S", running.TICK_S / PACE)
        monkeypatch.setattr(camera, "Camera", partial(Camera, times=TIMES))


class RunnersTime:
    """`time` for the loop, whose chores and pauses go by the monotonic clock."""

    def __init__(self, hour):
        self._hour = hour

    def monotonic(self):
        """Seconds of the hour."""
        return self._hour.up_s()


class Card:
    """What is wrong with the memory card: called at each of the journal's named points."""

    def __init__(self):
        self.full = self.torn = False

    def __call__(self, point):
        if point != "journal.append.before_fsync":
            return
        if self.full:
            raise OSError(ENOSPC, "No space left on device")
        if self.torn:
            self.torn = False
            damage = sqlite3.DatabaseError("database disk image is malformed")
            damage.sqlite_errorname = "SQLITE_CORRUPT"
            raise damage


class Unit:
    """One unit: its twins, its officer, and the real `Runner` with its real drivers on a thread."""

    def __init__(self, name, role, folder, broker, monkeypatch):
        self.name, self.folder, self.card = name, folder / name, Card()
        self.folder.mkdir()
        self.nfc = Pn532Twin(self.folder / "nfc")
        self.parts = ("nfc", "camera", "gps") if role == "vehicle" else ("nfc", "camera")
        self.gps = SerialLine(self.folder / "gps") if role == "vehicle" else None
        self.camera = Control(self.folder / "camera.control")
        self.heard, self.taps, self.unheard, self.died = queue.SimpleQueue(), [], [], []
        config = msgspec.convert(self._config(role, broker), DeviceConfig)
        self._give_roster()
        SITE.lay_papers(name, self.folder / "identity")
        monkeypatch.setattr(panel, "Panel", partial(HeardPanel, self.heard.put))
        self._runner = Runner(config, self.folder / "device.toml", "soak", self.card)
        self._stop, self._close = threading.Event(), threading.Event()
        self._on_duty, self._resting = threading.Event(), threading.Event()
        self._on_duty.set()
        self._threads = [
            threading.Thread(target=self._live, name=f"unit {name}"),
            threading.Thread(target=self._tap, name=f"officer {name}"),
        ]

    def _config(self, role, broker):
        parts = {"gps": {"port": str(self.folder / "gps")}} if self.gps else {}
        small = {"kind": "sim", "width": 64, "height": 64, "max_photos": 40, "max_mb": 16}
        return {
            "unit": {"id": self.name, "role": role},
            "broker": [{"host": "127.0.0.1", "port": broker.port, "tls": False}],
            "journal": {"path": "journal.db"},
            "nfc": {"port": str(self.folder / "nfc")},
            "panel": {"kind": "sim"},
            "camera": small,
            **parts,
        }

    def _give_roster(self):
        badges = [roster.badge(badge(number), f"p{number % 9}") for number in range(ROSTER)]
        message = ConfigMessage(
            1, self.name, 1, UnitConfig(place="gate", repeat_s=300, badges=badges)
        )
        journal = Journal.open(self.folder / "journal.db")
        journal.put_setting("config", msgspec.to_builtins(message))
        journal.close()

    def start(self):
        """The unit and its officer begin."""
        for thread in self._threads:
            thread.start()

    def close(self):
        """The officer goes, then the unit stops, then its parts."""
        self._close.set()
        self._on_duty.set()
        self._threads[1].join(HEARD_S)
        self._stop.set()
        self._threads[0].join(HEARD_S)
        self.nfc.stop()
        if self.gps:
            self.gps.unplug()

    def rest(self, until_s):
        """The officer finishes the tap under way, and waits; False: not by then."""
        self._resting.clear()
        self._on_duty.clear()
        return self._resting.wait(max(0.0, until_s - time.monotonic()))

    def go_on(self):
        """The next officer comes."""
        self._on_duty.set()

    def _live(self):
        try:
            self._runner.run(self._stop)
        except BaseException as exc:
            self.died.append(repr(exc))
            raise

    # The officer's thread

    def _tap(self):
        dice = random.Random(self.name)
        for number in range(ROSTER):
            if not self._on_duty.is_set():
                self._resting.set()
                self._on_duty.wait()
            if self._close.wait(dice.uniform(0.02, 0.2)):
                return
            self._hold(badge(number))

    def _hold(self, uid):
        """Holds a badge to the box until it is heard to be taken; once more where a bad sound was heard.

        The first time it is held for as long as it takes. A card that comes again before the reader, being
        mute, has seen it leave has never left; so later it is taken away and shown again, as people do.
        """
        until_s, heard = time.monotonic() + HEARD_S, []
        while time.monotonic() < until_s:
            self._drain()
            self.nfc.present(uid)
            shown_until_s = until_s if not heard else min(until_s, time.monotonic() + AGAIN_S)
            said = self._listen(shown_until_s)
            self.nfc.remove(uid)
            self._close.wait(GONE_S)
            if said not in GOOD:
                heard.append(said)
                said = self._listen(time.monotonic() + MOMENT_S)
            if said in GOOD:
                self.taps.append(uid)
                return
        self.unheard.append((uid, heard))

    def _drain(self):
        while not self.heard.empty():
            self.heard.get()

    def _listen(self, until_s):
        said = ""
        while said not in (*GOOD, "storage_failing", "unknown", "refused"):
            try:
                said = self.heard.get(timeout=max(0.01, until_s - time.monotonic()))
            except queue.Empty:
                return ""
        return said

    def kept(self):
        """The badges of the check-ins in the journal, in its order; their records beside them."""
        journal = Journal.open(self.folder / "journal.db", read_only=True)
        try:
            rows = [decode_record(raw) for _, _, _, raw in journal.iterate("event")]
        finally:
            journal.close()
        return [row for row in rows if isinstance(row, Checkin | Crew)]


class HeardPanel(Panel):
    """The panel, and an ear: told of each signal once its pins are switched."""

    def __init__(self, told, *given):
        self._told = told
        super().__init__(*given)

    def signal(self, pattern):
        """As the panel's own."""
        super().signal(pattern)
        self._told(pattern)


class Peer:
    """The gateway's end, over a real broker: takes what joins, answers with what it has, knows the true time."""

    def __init__(self, hour):
        self._hour, self.states, self.photos = hour, {}, Counter()
        self._heads, self._photos, self._client = {}, {}, None
        self._nonces = {}

    def begin(self, port):
        """Connects to a broker that has just been started."""
        self._client = client = Client(CallbackAPIVersion.VERSION2, client_id="gw-soak")
        client.on_message = self._message
        client.connect("127.0.0.1", port)
        client.loop_start()
        client.subscribe(topics.ALL_UP, qos=1)
        here = WorkerState(1, True, "s1", self._hour.utc_ms(), SITE.signing.text)
        client.publish(topics.worker_state("w1"), msgspec.json.encode(here), qos=1, retain=True)

    def end(self):
        """Lets go of the connection."""
        client, self._client = self._client, None
        client.disconnect()
        client.loop_stop()

    def _message(self, client, _, message):
        up = topics.parse(message.topic)
        take = {"hello": self._hello, "log": self._log, "photo": self._photo, "state": self._state}
        for about, answer in take.get(up.kind, lambda *_: ())(up, message.payload):
            topic = topics.ack(up.unit, about)
            client.publish(topic, codec.encode_signed(answer, topic, SITE.signing), qos=1)

    def _hello(self, up, payload):
        hello = codec.decode(payload, Hello)
        self._nonces[up.unit] = hello.nonce
        return [(head.stream, self._ack(up.unit, head.log)) for head in hello.logs]

    def _log(self, up, payload):
        batch = decode_batch(payload)
        first, h = self._heads.get((up.unit, batch.log), (1, chain.START))
        if batch.first == first and batch.prev == h:
            self._heads[up.unit, batch.log] = first + len(batch.raws), batch.hs[-1]
        return [(up.stream, self._ack(up.unit, batch.log))]

    def _ack(self, unit, name):
        first, h = self._heads.get((unit, name), (1, chain.START))
        return Ack(1, name, first, h.hex(), "s1", self._hour.utc_ms(), self._nonces.get(unit))

    def _photo(self, up, payload):
        held = self._photos.get(up.sha256, b"")
        if len(held) == up.offset:
            held += payload
        done = hashlib.sha256(held).hexdigest() == up.sha256
        self._photos[up.sha256] = b"" if done else held
        self.photos[up.unit] += done
        now_ms, nonce = self._hour.utc_ms(), self._nonces.get(up.unit)
        return [("photo", PhotoAck(1, up.sha256, len(held), "s1", now_ms, done, nonce))]

    def _state(self, up, payload):
        self.states[up.unit] = msgspec.json.decode(payload, type=State)
        return ()

    def well(self, unit, parts):
        """Whether the unit says that it is connected, and each of `parts` well."""
        said = self.states.get(unit)
        health = said.health if said and said.online else None
        return bool(health) and all(health.parts.get(part) == "ok" for part in parts)


class Sky:
    """The receiver's sentences, a second at a time."""

    def __init__(self, hour, line, seed):
        self._hour, self._line, self.mode = hour, line, "fix"
        self._sent_s = int(hour.up_s())
        self._car = drive(BORN_UTC_MS + (self._sent_s + 1) * 1000, 100_000, seed)

    def work(self):
        """Sends the epoch of this second, once."""
        second = int(self._hour.up_s())
        if second == self._sent_s:
            return
        for _ in range(second - self._sent_s):
            data = next(self._car)
        self._sent_s = second
        if self.mode != "silent":
            self._line.write(data if self.mode == "fix" else NO_FIX)


class Weighed(msgspec.Struct):
    """What a process holds: threads by name, descriptors by what they are, objects, resident MiB."""

    threads: list
    fds: list
    objects: int
    rss_mb: float


def weigh():
    """Weighs this process, once what is free has been given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return Weighed(
        threads=sorted(thread.name for thread in threading.enumerate()),
        fds=sorted(_fds()),
        objects=len(gc.get_objects()),
        rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )


def _fds():
    """What each descriptor is; the number of a pipe, a socket or a pseudo-terminal says nothing."""
    for fd in Path("/proc/self/fd").iterdir():
        try:
            what = str(fd.readlink())
        except FileNotFoundError:
            continue
        yield "pts" if "/pts/" in what else what.split(":", maxsplit=1)[0]


def zombies():
    """Children of this process that ended and that nobody has asked of."""
    dead = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        if words[0] == "Z" and int(words[1]) == os.getpid():
            dead.append(stat.parent.name)
    return dead


def start_broker(folder):
    """A broker that a link can lose."""
    return Broker(folder).start()
