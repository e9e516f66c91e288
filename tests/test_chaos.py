"""Kills at every named point and at moments chosen by chance: nothing lost, nothing doubled.

A tap that beeped is at the platform, under one identity, in the order of its log.
"""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from device.journal.inspect import verify
from device.journal.journal import Journal
from gateway.evidence.verify import Scope, Verification
from gateway.keys import authority
from gateway.roster import Wanted
from gateway.unit_config import push
from hardware.gps.synthetic import drive
from sim import tally
from sim.city import City, Unit, wait_for
from sim.demo import EVERY_FIX, Checkpoint, Vehicle
from sim.program import Program
from sim.tally import UnitTally
from wire.evidence.findings import Finding

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[1]
WAIT_S = 90.0
BEEP_S = 45.0
DRAIN_S = 200.0
"""A unit whose broker was killed again and again has learned to wait for up to 45 s."""

ROUNDS, KILLS = 4, 50
LEAST_TAPS = 15

Make = Callable[..., Checkpoint]
Settle = Callable[..., list[UnitTally]]


class Doomed:
    """A process of ours that kills itself at the `nth` time that it reaches `point`, once it is armed."""

    def __init__(self, what: str, config: Path, point: str, nth: int, log: Path) -> None:
        self._armed = config.with_name(f"{what}.armed")
        self._armed.unlink(missing_ok=True)
        words = [what, str(config), point, str(nth), str(self._armed)]
        command = [sys.executable, "-m", "sim.chaos.kill_at", *words]
        with log.open("ab") as file:
            self._process = subprocess.Popen(command, stderr=file, cwd=ROOT)

    def arm(self) -> "Doomed":
        self._armed.touch()
        return self

    @property
    def dead(self) -> bool:
        return self._process.poll() is not None

    def died_of(self) -> int | None:
        """The signal's number; None where it still runs, or ended otherwise."""
        code = self._process.poll()
        return -code if code and code < 0 else None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def doomed() -> Iterator[Callable[..., Doomed]]:
    """Makes processes that will kill themselves; whatever is left of them ends with the test."""
    made: list[Doomed] = []

    def make(*given: Any) -> Doomed:
        made.append(Doomed(*given))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def worker(city: City) -> Iterator[Callable[[str], Program]]:
    """Makes the gateway's processes one by one, in the place of `gateway run`; they are not started."""
    city.gateway.stop()
    made: list[Program] = []

    def make(name: str) -> Program:
        arguments = ["gateway", name, "--config", str(city.gateway_toml)]
        made.append(Program(arguments, city.folder / f"{name}.log"))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def tap_until(at: Checkpoint, doomed: Doomed) -> None:
    """Badges are held to the box, each until it beeps, until `doomed` is dead."""
    until_s = time.monotonic() + WAIT_S
    while not doomed.dead and time.monotonic() < until_s:
        assert at.tapper.tap(at.tapper.new_badge(), BEEP_S).beep_ns is not None
    assert doomed.died_of() == signal.SIGKILL


def tap(at: Checkpoint, uid: str | None = None) -> str:
    made = at.tapper.tap(uid or at.tapper.new_badge(), BEEP_S)
    assert made.beep_ns is not None
    return made.uid


def identities(city: City, uid: str) -> list[str]:
    """Under which ids the platform was sent the check-ins of `uid`, each as often as it was."""
    return [
        event["id"]
        for _, event in city.received()
        if event["type"] == "cn.xunkong.checkin.v1" and event["data"]["badge"] == uid
    ]


def sound(unit: Unit) -> bool:
    """Whether every record in the unit's journal is what was written, and the chain whole."""
    journal = Journal.open(unit.folder / "journal.db", read_only=True)
    try:
        return list(verify(journal)) == []
    finally:
        journal.close()


def unproven(city: City) -> list[Finding]:
    """What `xunkong gateway verify` would find, beside what was declared."""
    trusted, photos = authority(city.folder / "keys"), city.folder / "photos"
    everything = Verification(city.store, trusted, photos, Scope()).run()
    return [one for one in everything if isinstance(one, Finding) and not one.is_note]


def in_journal(unit: Unit) -> dict[str, Any]:
    """Every record that the unit keeps, by its identity."""
    journal = Journal.open(unit.folder / "journal.db", read_only=True)
    try:
        return {
            f"{unit.name}/{stream}/{log}/{seq}": json.loads(raw)
            for stream in ("event", "track")
            for log, seq, _, raw in journal.iterate(stream)
        }
    finally:
        journal.close()


def in_store(city: City, unit: Unit) -> dict[str, Any]:
    """Every record of the unit that the gateway keeps, by its identity."""
    return {row["id"]: row["record"] for row in city.committed() if row["unit"] == unit.name}


def acknowledged(unit: Unit) -> dict[tuple[str, str], int]:
    """The last sequence number of each log that the unit believes to be with the gateway."""
    journal = Journal.open(unit.folder / "journal.db", read_only=True)
    try:
        logs = (*journal.logs("event"), *journal.logs("track"))
        return {(log.stream, log.log): log.next - 1 for log in logs}
    finally:
        journal.close()


def last_in_store(city: City, unit: Unit) -> "Counter[tuple[str, str]]":
    last: Counter[tuple[str, str]] = Counter()
    for row in city.committed():
        if row["unit"] == unit.name:
            log = row["stream"], row["log"]
            last[log] = max(last[log], row["seq"])
    return last


class TestTheUnit:
    @pytest.mark.parametrize("nth", [1, 2, 3, 5])
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_killed_at_its_nth_record(
        self,
        city: City,
        checkpoint: Make,
        doomed: Callable[..., Doomed],
        settled: Settle,
        when: str,
        nth: int,
    ) -> None:
        at = checkpoint()
        point = f"journal.append.{when}_fsync"
        log = at.unit.folder / "log.txt"
        dying = doomed("unit", at.unit.config, point, nth, log).arm()
        until_s = time.monotonic() + WAIT_S
        while not dying.dead and time.monotonic() < until_s:
            at.tapper.tap(at.tapper.new_badge(), wait_s=3.0)
        assert dying.died_of() == signal.SIGKILL
        assert sound(at.unit)
        before = in_journal(at.unit)
        assert len(before) == (nth if when == "after" else nth - 1)
        at.unit.program.start()
        tap(at)
        settled(at)
        assert before.items() <= in_store(city, at.unit).items()
        assert wait_for(lambda: in_journal(at.unit) == in_store(city, at.unit), WAIT_S)
        assert unproven(city) == []

    @pytest.fixture
    def cut_off(
        self, city: City, checkpoint: Make, doomed: Callable[..., Doomed], settled: Settle
    ) -> Callable[[str], tuple[Checkpoint, str]]:
        """Kills a unit at a point of a tap; gives the checkpoint, the unit started again, and the badge."""

        def cut(point: str) -> tuple[Checkpoint, str]:
            at = checkpoint()
            dying = doomed("unit", at.unit.config, point, 1, at.unit.folder / "log.txt")
            tap(at)
            settled(at)
            assert wait_for(
                lambda: acknowledged(at.unit) == dict(last_in_store(city, at.unit)) | _track(at),
                WAIT_S,
            )
            dying.arm()
            cut_off = at.tapper.tap(at.tapper.new_badge(), wait_s=5.0)
            assert dying.died_of() == signal.SIGKILL
            assert cut_off.beep_ns is None
            at.unit.program.start()
            tap(at)
            settled(at)
            return at, cut_off.uid

        return cut

    def test_killed_before_a_tap_is_on_the_medium_has_not_beeped_and_takes_it_again(
        self, city: City, cut_off: Callable[[str], tuple[Checkpoint, str]], settled: Settle
    ) -> None:
        at, uid = cut_off("journal.append.before_fsync")
        assert identities(city, uid) == []
        tap(at, uid)
        settled(at)
        assert len(identities(city, uid)) == 1

    def test_killed_after_it_delivers_the_tap_that_nobody_heard_once(
        self, city: City, cut_off: Callable[[str], tuple[Checkpoint, str]], settled: Settle
    ) -> None:
        at, uid = cut_off("journal.append.after_fsync")
        assert len(identities(city, uid)) == 1
        tap(at, uid)
        tap(at)
        settled(at)
        assert len(identities(city, uid)) == 1


def _track(at: Checkpoint) -> dict[tuple[str, str], int]:
    """The checkpoint's track logs: nothing is in them."""
    return {log: last for log, last in acknowledged(at.unit).items() if log[0] == "track"}


class TestIngest:
    @pytest.mark.parametrize("nth", [1, 2, 4])
    @pytest.mark.parametrize("point", ["before_commit", "after_commit", "after_ack"])
    def test_killed(
        self,
        city: City,
        checkpoint: Make,
        worker: Callable[[str], Program],
        doomed: Callable[..., Doomed],
        settled: Settle,
        point: str,
        nth: int,
    ) -> None:
        worker("forward").start()
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        log = city.folder / "ingest.log"
        dying = doomed("ingest", city.gateway_toml, f"ingest.{point}", nth, log).arm()
        tap_until(at, dying)
        stored = last_in_store(city, at.unit)
        assert all(last <= stored[log] for log, last in acknowledged(at.unit).items())
        worker("ingest").start()
        tap(at)
        (found,) = settled(at)
        assert found.redelivered == 0
        assert wait_for(lambda: in_journal(at.unit) == in_store(city, at.unit), WAIT_S)
        assert unproven(city) == []


class TestPhotos:
    """A photo's way has points of its own; whole, once, and with one record, wherever either side ends."""

    def photos(self, city: City, at: Checkpoint) -> tuple[list[str], list[str], list[str]]:
        """Hashes: of the records, of the gateway's files, of the unit's acknowledged files."""
        records = [one["record"]["sha256"] for one in city.committed("photo")]
        kept = [path.stem for path in (city.folder / "photos").glob("*/*.jpg")]
        done = [path.name[11:75] for path in (at.unit.folder / "photos/done").glob("*.jpg")]
        return sorted(records), sorted(kept), sorted(done)

    def agree(self, city: City, at: Checkpoint) -> None:
        """Every photo that was taken is on record once, at the gateway once, and acknowledged."""

        def settled() -> bool:
            records, kept, done = self.photos(city, at)
            waits = [
                path
                for state in ("new", "waiting", "lost")
                for path in (at.unit.folder / "photos" / state).glob("*.jpg")
            ]
            return len(records) >= 2 and records == kept == done and not waits

        assert wait_for(settled, WAIT_S), self.photos(city, at)
        for path in (city.folder / "photos").glob("*/*.jpg"):
            assert sha256(path.read_bytes()).hexdigest() == path.stem
        assert unproven(city) == []

    def with_camera(self, at: Checkpoint) -> None:
        with at.unit.config.open("a", encoding="utf-8") as file:
            file.write('[camera]\nkind = "sim"\nwidth = 640\nheight = 480\n')

    @pytest.mark.parametrize("nth", [1, 2])
    @pytest.mark.parametrize("point", ["before_rename", "after_keep", "after_move"])
    def test_unit_killed(
        self,
        city: City,
        checkpoint: Make,
        doomed: Callable[..., Doomed],
        point: str,
        nth: int,
    ) -> None:
        at = checkpoint()
        self.with_camera(at)
        log = at.unit.folder / "log.txt"
        dying = doomed("unit", at.unit.config, f"photos.{point}", nth, log).arm()
        until_s = time.monotonic() + WAIT_S
        while not dying.dead and time.monotonic() < until_s:
            at.tapper.tap(at.tapper.new_badge(), wait_s=20.0)
        assert dying.died_of() == signal.SIGKILL
        at.unit.program.start()
        tap(at)
        tap(at)
        self.agree(city, at)

    @pytest.mark.parametrize("nth", [1, 2])
    @pytest.mark.parametrize(
        "point", ["after_chunk", "before_rename", "after_rename", "after_note"]
    )
    def test_ingest_killed(
        self,
        city: City,
        checkpoint: Make,
        worker: Callable[[str], Program],
        doomed: Callable[..., Doomed],
        settled: Settle,
        point: str,
        nth: int,
    ) -> None:
        worker("forward").start()
        at = checkpoint()
        self.with_camera(at)
        at.unit.program.start()
        log = city.folder / "ingest.log"
        dying = doomed("ingest", city.gateway_toml, f"photos.{point}", nth, log).arm()
        tap(at)
        tap(at)
        assert wait_for(lambda: dying.dead, WAIT_S)
        assert dying.died_of() == signal.SIGKILL
        worker("ingest").start()
        self.agree(city, at)
        settled(at)


class TestForward:
    @pytest.mark.parametrize("nth", [1, 2, 3])
    @pytest.mark.parametrize("point", ["before_post", "after_post", "after_cursor"])
    def test_killed(
        self,
        city: City,
        checkpoint: Make,
        worker: Callable[[str], Program],
        doomed: Callable[..., Doomed],
        settled: Settle,
        point: str,
        nth: int,
    ) -> None:
        worker("ingest").start()
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        log = city.folder / "forward.log"
        dying = doomed("forward", city.gateway_toml, f"forward.{point}", nth, log).arm()
        tap_until(at, dying)
        worker("forward").start()
        tap(at)
        settled(at)
        requests = Counter(event["id"] for _, event in city.received())
        again = sum(requests.values()) - len(requests)
        if point == "after_post":
            assert again > 0
        elif point == "after_cursor" or nth == 1:
            assert again == 0


class Victims:
    """What is killed, how often each was, and when: by chance, but the same for the same seed."""

    def __init__(self, city: City, programs: dict[str, Program], seed: int) -> None:
        self._city, self._programs = city, programs
        self._dice = random.Random(seed)
        self._pause = threading.Event()
        self.killed: Counter[str] = Counter()

    def kill_one(self) -> None:
        """Waits for a moment, kills one, and starts it again after another moment."""
        self._pause.wait(self._dice.uniform(0.05, 1.1))
        name = self._dice.choice([*self._programs, "broker"])
        self.killed[name] += 1
        if name == "broker":
            self._city.broker.cut()
        else:
            self._programs[name].kill()
        self._pause.wait(self._dice.choice([0.0, self._dice.uniform(0.0, 0.8)]))
        if name == "broker":
            self._city.broker.start()
        else:
            self._programs[name].start()


class Officers:
    """Taps at one checkpoint until told to stop; each badge is held until it beeps."""

    def __init__(self, at: Checkpoint) -> None:
        self._at = at
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tap, name=f"officers-{at.unit.name}")
        self._thread.start()

    def _tap(self) -> None:
        while not self._stop.is_set():
            self._at.tapper.tap(self._at.tapper.new_badge(), BEEP_S)

    def go_home(self) -> None:
        self._stop.set()
        self._thread.join(BEEP_S + WAIT_S)


@pytest.fixture
def car(city: City) -> Iterator[Vehicle]:
    """A vehicle that drives."""
    made = Vehicle(city, "v-1", b"".join(drive(time.time_ns() // 1_000_000, 900, seed=5)))
    made.twin.start()
    yield made
    made.twin.stop()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_kills_by_chance(
    city: City,
    checkpoint: Make,
    car: Vehicle,
    worker: Callable[[str], Program],
    settled: Settle,
    seed: int,
) -> None:
    box, gate = checkpoint("cp-1"), checkpoint("cp-2")
    units = [box.unit, gate.unit, car.unit]
    for unit in units:
        push(city.store, unit.name, Wanted(sampling=EVERY_FIX))
    programs = {name: worker(name) for name in ("ingest", "forward")}
    programs |= {unit.name: unit.program for unit in units}
    for program in programs.values():
        program.start()
    officers = [Officers(box), Officers(gate)]
    victims = Victims(city, programs, seed)
    try:
        for _ in range(KILLS):
            victims.kill_one()
    finally:
        for one in officers:
            one.go_home()
    assert victims.killed.total() == KILLS
    assert set(victims.killed) == {*programs, "broker"}
    found = settled(box, gate, most_s=DRAIN_S)
    assert [one.no_beep for one in found] == [0, 0]
    assert all(one.recorded >= LEAST_TAPS for one in found), found
    car.twin.silence()
    car.unit.program.stop()
    car.unit.program.start()
    for unit in units:
        assert wait_for(lambda unit=unit: in_journal(unit) == in_store(city, unit), DRAIN_S), (
            unit.name
        )
        assert sound(unit)
    assert unproven(city) == []
    drove = tally.vehicle("v-1", car.sent_utc_ms, city.committed("track"), list(city.received()))
    assert drove.committed > 0
    assert drove.doubled == 0
