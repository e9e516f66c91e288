"""An hour of a vehicle and a checkpoint with a fault every few seconds: no tap lost, nothing leaked, memory flat.

The hour's time is injected and passes in about 90 s (see `tests.soak`); drivers, processes, journal,
panel and MQTT link are the unit's own, each part's twin is on its pseudo-terminal or in its process, and
the broker is a mosquitto. XUNKONG_SOAK_SEED repeats a run's faults.
"""

import os
import random
import secrets
import threading
import time
from collections import Counter
from functools import partial

import pytest

from sim.broker import find_mosquitto
from tests.soak import BORN_UTC_MS, Hour, Peer, Sky, Unit, start_broker, weigh, zombies
from wire.records import Checkin

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(420)]

HOUR_S = 3600
WARM_S = 600
FAULT_S = (2.0, 6.0)
SETTLE_S = 60.0
QUIET_S = 24.0
LEAST_FAULTS, LEAST_TAPS = 400, 30
MEMORY_MB = 12.0
OBJECTS = 8000
GNSS_ERR_MS = 5_000


class Soak:
    """Two units, their troubles, and when each ends."""

    def __init__(self, folder, hour, seed, monkeypatch):
        self.hour, self.seed, self.dice = hour, seed, random.Random(seed)
        self.broker = start_broker(folder)
        self.peer = Peer(hour)
        self.car = Unit("car-1", "vehicle", folder, self.broker, monkeypatch)
        self.post = Unit("cp-1", "checkpoint", folder, self.broker, monkeypatch)
        self.sky = Sky(hour, self.car.gps, seed)
        self.units = (self.car, self.post)
        self.met, self.ends, self._pause = Counter(), {}, threading.Event()
        self._table = self._faults()

    def _faults(self):
        """By part: what can befall it, and how often beside the others. Each returns what ends it."""
        table = {
            "gps": (3, [self._unplug_gps, self._gps_noise, self._no_fix, self._gps_silent]),
            "link": (1, [self._cut]),
            "clock": (2, [self._jump]),
        }
        for unit in self.units:
            reader = [self._noise, self._noise, self._noise, self._unplug, self._mute]
            card = [self._full, self._full, self._full, self._torn]
            table[f"nfc {unit.name}"] = (2, [partial(one, unit) for one in reader])
            table[f"camera {unit.name}"] = (2, [partial(self._camera, unit)])
            table[f"card {unit.name}"] = (1, [partial(one, unit) for one in card])
        return table

    def start(self):
        self.peer.begin(self.broker.port)
        for unit in self.units:
            unit.start()

    def close(self):
        for end in self.ends.values():
            end[1]()
        for unit in self.units:
            unit.close()
        self.peer.end()
        self.broker.stop()

    # Time

    def until(self, up_s, faults=True):
        """Lets the hour pass, with faults or without."""
        next_s = self.hour.up_s()
        while (now_s := self.hour.up_s()) < up_s:
            self.sky.work()
            for part in [part for part, (end_s, _) in self.ends.items() if end_s <= now_s]:
                self.ends.pop(part)[1]()
            if faults and now_s >= next_s:
                next_s = now_s + self.dice.uniform(*FAULT_S)
                self._befall(now_s)
            self._pause.wait(0.002)

    def _befall(self, now_s):
        free = [part for part in self._table if part not in self.ends]
        if not free:
            return
        (part,) = self.dice.choices(free, [self._table[part][0] for part in free])
        fault = self.dice.choice(self._table[part][1])
        name, lasts_s, end = fault()
        self.met[name] += 1
        if end:
            self.ends[part] = now_s + self.dice.uniform(*lasts_s), end

    def settle(self):
        """Ends all faults, and waits until each unit says that all is well."""
        for part in list(self.ends):
            self.ends.pop(part)[1]()
        until_s = time.monotonic() + SETTLE_S
        while not self.well():
            assert time.monotonic() < until_s, f"{self.told()}; {self.peer.states}"
            self.until(self.hour.up_s() + 5, faults=False)

    def weigh(self):
        """What is held when all is well, nobody is at the box, and what was under way is done."""
        self.settle()
        until_s = time.monotonic() + SETTLE_S
        assert all(unit.rest(until_s) for unit in self.units), self.told()
        last = weigh()
        while time.monotonic() < until_s:
            self.until(self.hour.up_s() + QUIET_S, faults=False)
            last, before = weigh(), last
            if (last.threads, last.fds) == (before.threads, before.fds) and self.well():
                break
        for unit in self.units:
            unit.go_on()
        return last

    def well(self):
        return all(self.peer.well(unit.name, unit.parts) for unit in self.units)

    def told(self):
        return f"seed {self.seed}: {dict(self.met)}"

    # Faults

    def _unplug_gps(self):
        self.car.gps.unplug()
        return "gps unplugged", (5, 30), self.car.gps.plug

    def _gps_noise(self):
        self.car.gps.write(self.dice.randbytes(200))
        return "gps noise", None, None

    def _no_fix(self):
        self.sky.mode = "none"
        return "gps lost", (3, 30), partial(setattr, self.sky, "mode", "fix")

    def _gps_silent(self):
        self.sky.mode = "silent"
        return "gps silent", (3, 30), partial(setattr, self.sky, "mode", "fix")

    def _cut(self):
        self.peer.end()
        self.broker.cut()
        return "link lost", (5, 60), self._mend

    def _mend(self):
        self.broker.start()
        self.peer.begin(self.broker.port)

    def _jump(self):
        self.hour.jump_ms = int(self.dice.choice((-1, 1)) * 10 ** self.dice.uniform(3, 9))
        return "clock jump", (5, 60), partial(setattr, self.hour, "jump_ms", 0)

    def _noise(self, unit):
        unit.nfc.noise(self.dice.randrange(8, 300))
        return "nfc noise", None, None

    def _unplug(self, unit):
        unit.nfc.unplug()
        return "nfc unplugged", (5, 25), unit.nfc.plug

    def _mute(self, unit):
        unit.nfc.mute()
        return "nfc mute", (2, 60), partial(unit.nfc.mute, False)

    def _camera(self, unit):
        mode = self.dice.choice(("hang", "stuck", "die", "truncated", "missing"))
        unit.camera.set(mode)
        return f"camera {mode}", (10, 50), partial(unit.camera.set, "ok")

    def _full(self, unit):
        unit.card.full = True
        return "card full", (2, 20), partial(setattr, unit.card, "full", False)

    def _torn(self, unit):
        unit.card.torn = True
        return "journal damaged", None, None


@pytest.fixture
def seed():
    return int(os.environ.get("XUNKONG_SOAK_SEED") or secrets.randbelow(10**6))


def test_an_hour_of_faults_loses_no_tap_and_leaks_nothing(tmp_path, monkeypatch, seed):
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    before, dead = weigh(), set(zombies())
    hour = Hour()
    hour.inject(monkeypatch)
    soak = Soak(tmp_path, hour, seed, monkeypatch)
    began_s = hour.up_s()
    try:
        soak.start()
        soak.settle()
        soak.until(began_s + WARM_S)
        warm = soak.weigh()
        soak.until(began_s + HOUR_S / 2)
        mid = soak.weigh()
        soak.until(began_s + HOUR_S)
        late = soak.weigh()
        assert set(zombies()) <= dead
    finally:
        soak.close()
    after = weigh()
    print(soak.told(), [len(unit.taps) for unit in soak.units], dict(soak.peer.photos))
    for one in (warm, mid, late):
        print(one.rss_mb, one.objects, len(one.threads), len(one.fds))
    held(soak, warm, late)
    assert more(before, after) == {}, soak.told()
    for unit in soak.units:
        kept_once(soak, unit)
    assert soak.met.total() >= LEAST_FAULTS, soak.told()


def more(before, after):
    """Which threads and descriptors there are more of; fewer there are where what others left behind has ended."""
    return Counter(after.threads + after.fds) - Counter(before.threads + before.fds)


def held(soak, warm, late):
    """Between the tenth minute and the last nothing has grown."""
    assert more(warm, late) == {}, soak.told()
    assert late.rss_mb - warm.rss_mb < MEMORY_MB, (soak.told(), warm.rss_mb, late.rss_mb)
    assert late.objects - warm.objects < OBJECTS, (soak.told(), warm.objects, late.objects)


def kept_once(soak, unit):
    """What an officer heard to be taken is in the journal once; and everybody was heard in the end."""
    assert (unit.died, unit.unheard) == ([], []), soak.told()
    assert len(unit.taps) >= LEAST_TAPS, soak.told()
    records = unit.kept()
    times = Counter(record.badge for record in records)
    assert {uid: times[uid] for uid in unit.taps if times[uid] != 1} == {}, soak.told()
    assert [r.badge for r in records if r.badge in set(unit.taps)] == unit.taps, soak.told()
    for record in records:
        true_ms = BORN_UTC_MS + record.up_ms
        assert record.clock != "gnss" or abs(record.at_ms - true_ms) < GNSS_ERR_MS, soak.told()
    assert unit.name != "cp-1" or all(isinstance(record, Checkin) for record in records)
