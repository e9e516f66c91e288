"""A unit and its gateway: processes of their own, a real broker, simulated parts, and everything that breaks."""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from device.journal.journal import Journal
from gateway.forward.events import rfc3339
from gateway.keys import GatewayKeys
from gateway.roster import RosterBadge, Wanted, for_unit
from gateway.store.open import open_store
from gateway.unit_config import newest, push
from gateway.unit_keys import unit_key
from hardware.gps.synthetic import drive
from hardware.panel.patterns import RHYTHMS
from sim import tally
from sim.broker import Broker, find_mosquitto, free_port
from sim.city import City, Unit, wait_for
from sim.demo import EVERY_FIX, Checkpoint, Vehicle
from sim.tally import UnitTally
from sim.tapper import BUZZER, Tap
from wire import codec, topics
from wire.batch import decode_record
from wire.orders import ConfigMessage, Place
from wire.records import Track
from wire.track import TrackFix, unfold

pytestmark = pytest.mark.timeout(300)

WAIT_S = 90.0
BEEP_S = 30.0
OFFICER = "04c0ffee000001"
OTHER = "04c0ffee000002"
EAST = Wanted(
    place="east-gate",
    repeat_s=60.0,
    badges=[RosterBadge(OFFICER, "p-10233")],
    places=[Place("east-gate", "东门", 27.2418, 111.4725)],
)

Make = Callable[..., Checkpoint]
Settle = Callable[..., list[UnitTally]]


def tap(at: Checkpoint, uid: str | None = None) -> Tap:
    """A tap, which must beep."""
    made = at.tapper.tap(uid or at.tapper.new_badge(), BEEP_S)
    assert made.beep_ns is not None, f"no beep at {at.unit.name} within {BEEP_S} s"
    return made


def checkins(city: City, uid: str | None = None) -> list[dict[str, Any]]:
    """The check-ins that the platform has (of `uid`), each as often as it was sent."""
    return [
        event
        for _, event in city.received()
        if event["type"] == "cn.xunkong.checkin.v1" and uid in (None, event["data"]["badge"])
    ]


def has(city: City, taps: Iterable[Tap]) -> bool:
    return {one.uid for one in taps} <= {event["data"]["badge"] for event in checkins(city)}


def kept(city: City, uid: str) -> list[dict[str, Any]]:
    """The check-ins of `uid` in the gateway's store."""
    return [row for row in city.committed("checkin") if row["record"]["badge"] == uid]


def ask(city: City, *words: str) -> list[dict[str, Any]]:
    """What `xunkong gateway …` prints."""
    command = [sys.executable, "-m", "xunkong", "gateway", *words]
    done = subprocess.run(
        [*command, "--config", str(city.gateway_toml), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(city: City, unit: Unit) -> dict[str, Any]:
    """How the gateway sees `unit`."""
    return next((one for one in ask(city, "units") if one["unit"] == unit.name), {"online": False})


def acknowledged(unit: Unit) -> bool:
    """Whether the unit has nothing left that it would send."""
    command = [sys.executable, "-m", "xunkong", "device", "journal", "stat", "--json"]
    done = subprocess.run(
        [*command, "--config", str(unit.config)],
        stdout=subprocess.PIPE,
        timeout=WAIT_S,
        check=True,
    )
    return all(log["waiting"] == 0 for log in json.loads(done.stdout)["logs"])


def uses(city: City, unit: Unit, version: int) -> bool:
    seen = city.rows().get(unit.name)
    return seen is not None and seen.online and seen.config == version


def online(city: City, unit: Unit) -> bool:
    seen = city.rows().get(unit.name)
    return seen is not None and seen.online


def alarms(city: City) -> list[str]:
    """What the gateway itself raised an alarm about."""
    return [one["record"]["what"] for one in city.committed("alarm") if one["unit"] == "gw"]


def beeps(at: Checkpoint, since: Tap) -> int:
    """How often the buzzer went since `since` was presented."""
    edges = map(json.loads, at.unit.trace.read_text("ascii").splitlines())
    return sum(
        edge["pin"] == BUZZER and edge["value"] == 1 and edge["mono_ns"] >= since.presented_ns
        for edge in edges
    )


def publish(broker: Broker, topic: str, payload: bytes) -> None:
    """A retained message of somebody who may write anywhere."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="stranger")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    sent = client.publish(topic, payload, qos=1, retain=True)
    sent.wait_for_publish(WAIT_S)
    client.disconnect()
    client.loop_stop()
    assert sent.is_published()


class TestATap:
    def test_arrives_once(self, city: City, checkpoint: Make, settled: Settle) -> None:
        push(city.store, "cp-1", EAST)
        at = checkpoint("cp-1")
        at.unit.program.start()
        assert wait_for(lambda: uses(city, at.unit, 1), WAIT_S)
        tap(at, OFFICER)
        tap(at)
        settled(at)
        (event,) = checkins(city, OFFICER)
        unit, stream, log, seq = event["id"].split("/")
        assert (unit, stream, event["source"]) == ("cp-1", "event", "/units/cp-1")
        assert event["sequence"] == f"{int(seq):020d}"
        assert len(log) == 16
        assert event["subject"] == "east-gate"
        expected = {"person": "p-10233", "place": "east-gate", "method": "nfc"}
        assert expected.items() <= event["data"].items()
        assert event["data"]["result"] == "accepted"

    def test_at_a_unit_without_configuration_is_of_an_unknown_badge(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        first = tap(at)
        settled(at)
        (event,) = checkins(city, first.uid)
        assert event["data"]["result"] == "unknown"
        assert event["data"]["person"] is None

    def test_again_within_the_repeat_time_beeps_and_is_no_second_checkin(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        push(city.store, "cp-1", EAST)
        at = checkpoint("cp-1")
        at.unit.program.start()
        assert wait_for(lambda: uses(city, at.unit, 1), WAIT_S)
        first = tap(at, OFFICER)
        once = beeps(at, first)
        second = tap(at, OFFICER)
        assert (once, beeps(at, second)) == (1, 2)
        tap(at)
        settled(at)
        assert len(checkins(city, OFFICER)) == len(kept(city, OFFICER)) == 1

    def test_is_remembered_as_a_repeat_by_a_unit_that_was_killed(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        push(city.store, "cp-1", EAST)
        at = checkpoint("cp-1")
        at.unit.program.start()
        assert wait_for(lambda: uses(city, at.unit, 1), WAIT_S)
        tap(at, OFFICER)
        at.unit.program.kill()
        at.unit.program.start()
        tap(at, OFFICER)
        tap(at)
        settled(at)
        assert len(checkins(city, OFFICER)) == 1


class TestConfiguration:
    def test_reaches_a_running_unit_and_is_kept_over_a_restart_without_anybody(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint("cp-1")
        at.unit.program.start()
        assert wait_for(lambda: online(city, at.unit), WAIT_S)
        push(city.store, "cp-1", EAST)
        assert wait_for(lambda: uses(city, at.unit, 1), WAIT_S)
        at.unit.program.stop()
        city.gateway.stop()
        city.broker.cut()
        at.unit.program.start()
        assert beeps(at, tap(at, OFFICER)) == len(RHYTHMS["stored_offline"].beeps)
        city.broker.start()
        city.gateway.start()
        settled(at)
        assert [event["data"]["person"] for event in checkins(city, OFFICER)] == ["p-10233"]
        assert [one["record"]["outcome"] for one in city.committed("config")] == ["applied"]

    def test_of_a_lower_version_is_refused(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        push(city.store, "cp-1", EAST)
        first = newest(city.store, "cp-1")
        wider = msgspec.structs.replace(EAST, badges=[*EAST.badges, RosterBadge(OTHER, "p-2")])
        push(city.store, "cp-1", wider)
        at = checkpoint("cp-1")
        at.unit.program.start()
        assert wait_for(lambda: uses(city, at.unit, 2), WAIT_S)
        keys = GatewayKeys(city.keys.folder.path)
        public = unit_key(city.store, "cp-1")
        told = ConfigMessage(1, "cp-1", 1, for_unit(first.config, "cp-1", public, None))
        old = codec.encode_signed(told, topics.config("cp-1"), keys)
        publish(city.broker, topics.config("cp-1"), old)
        assert wait_for(
            lambda: any(
                one["record"]["outcome"] == "refused" and one["record"]["version"] == 1
                for one in city.committed("config")
            ),
            WAIT_S,
        )
        tap(at, OTHER)
        settled(at)
        assert checkins(city, OTHER)[0]["data"]["result"] == "accepted"
        assert row(city, at.unit)["config"] == 2
        assert any("version 1 is older than 2" in line for line in row(city, at.unit)["broken"])


class TestALinkThatBreaks:
    def test_taps_beep_without_a_broker_and_arrive_after_it(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        settled(at)
        city.broker.cut()
        taps = [tap(at) for _ in range(4)]
        assert len(checkins(city)) == 1
        city.broker.start()
        settled(at)
        assert has(city, taps)

    def test_taps_go_on_while_the_gateway_is_down(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        settled(at)
        city.gateway.stop()
        taps = [tap(at) for _ in range(3)]
        at.unit.program.kill()
        at.unit.program.start()
        taps += [tap(at) for _ in range(2)]
        assert len(checkins(city)) == 1
        city.gateway.start()
        settled(at)
        assert has(city, taps)

    def test_the_last_will_shows_a_killed_unit_offline(self, city: City, checkpoint: Make) -> None:
        at = checkpoint()
        at.unit.program.start()
        assert wait_for(lambda: online(city, at.unit), WAIT_S)
        assert row(city, at.unit)["online"] is True
        at.unit.program.kill()
        assert wait_for(lambda: not online(city, at.unit), WAIT_S)
        assert row(city, at.unit)["online"] is False
        at.unit.program.start()
        assert wait_for(lambda: online(city, at.unit), WAIT_S)


@contextmanager
def city_of_two_brokers(folder: Path) -> Iterator[tuple[City, Broker]]:
    """A city whose gateway listens at a second broker as well."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    (folder / "second").mkdir()
    second = Broker(folder / "second")
    town = City(folder)
    with town.gateway_toml.open("a") as file:
        file.write(f'[[broker]]\nhost = "127.0.0.1"\nport = {second.port}\ntls = false\n')
    try:
        second.start()
        with town:
            yield town, second
    finally:
        second.stop()


def address(unit: Unit, port: int, first: bool) -> None:
    """Gives `unit` one address more, before or after the one that it has."""
    text = unit.config.read_text("utf-8")
    more = f'[[broker]]\nhost = "127.0.0.1"\nport = {port}\ntls = false\n'
    mark = "[[broker]]" if first else "[journal]"
    unit.config.write_text(text.replace(mark, more + mark, 1), "utf-8")


@pytest.mark.chaos
class TestSeveralBrokers:
    def test_a_dead_one_is_passed_over(self, city: City, checkpoint: Make, settled: Settle) -> None:
        at = checkpoint()
        address(at.unit, free_port(), first=True)
        at.unit.program.start()
        tap(at)
        settled(at)

    def test_the_other_is_used_when_one_dies(self, tmp_path: Path) -> None:
        with city_of_two_brokers(tmp_path) as (city, second):
            at = Checkpoint(city, "cp-1", seed=1)
            address(at.unit, second.port, first=False)
            try:
                at.unit.program.start()
                assert wait_for(lambda: has(city, [tap(at)]), WAIT_S)
                city.broker.cut()
                assert wait_for(lambda: has(city, at.tapper.taps), WAIT_S)
                after = tap(at)
                assert wait_for(lambda: has(city, [after]), WAIT_S)
                city.broker.start()
                second.cut()
                back = tap(at)
                assert wait_for(lambda: has(city, [back]), WAIT_S)
                assert len(checkins(city)) == len(at.tapper.taps)
            finally:
                at.close()


@pytest.mark.chaos
class TestAStoreThatWasLost:
    def test_put_back_from_a_copy_gets_what_came_after_the_copy(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        settled(at)
        city.gateway.stop()
        city.store.close()
        _move(city.folder, city.folder / "copy", shutil.copy2, "store.db*")
        city.gateway.start()
        taps = [tap(at) for _ in range(3)]
        settled(at)
        assert wait_for(lambda: acknowledged(at.unit), WAIT_S)
        city.gateway.stop()
        city.store.close()
        _move(city.folder, city.folder / "lost", shutil.move, "store.db*")
        _move(city.folder / "copy", city.folder, shutil.move, "store.db*")
        assert not any(kept(city, one.uid) for one in taps)
        city.gateway.start()
        tap(at)
        (found,) = settled(at)
        assert (found.committed, found.doubled) == (5, 0)

    def test_begun_anew_is_filled_again_from_the_units(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        for _ in range(3):
            tap(at)
        settled(at)
        assert wait_for(lambda: acknowledged(at.unit), WAIT_S)
        city.gateway.stop()
        city.store.close()
        for path in city.folder.glob("store.db*"):
            path.unlink()
        open_store(f"sqlite:///{city.folder / 'store.db'}").close()
        assert city.committed() == []
        city.gateway.start()
        (found,) = settled(at)
        assert wait_for(lambda: tally_of(city, at).redelivered == 3, WAIT_S)
        assert (found.committed, tally_of(city, at).doubled) == (3, 0)


def tally_of(city: City, at: Checkpoint) -> UnitTally:
    return tally.checkpoint(
        at.unit.name, at.tapper.taps, city.committed("checkin"), list(city.received())
    )


@pytest.mark.chaos
class TestThePlatform:
    def test_that_fails_gets_everything_later_and_in_order(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        settled(at)
        city.control("fail")
        taps = [tap(at) for _ in range(4)]
        assert wait_for(lambda: all(kept(city, one.uid) for one in taps), WAIT_S)
        assert len(checkins(city)) == 1
        city.control("ok")
        settled(at)
        arrived = [event["data"]["badge"] for event in checkins(city)]
        assert arrived == [one.uid for one in at.tapper.taps]

    def test_that_is_down_gets_everything_later(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        settled(at)
        city.platform.kill()
        last = tap(at)
        assert wait_for(lambda: bool(kept(city, last.uid)), WAIT_S)
        city.platform.start().first_line()
        settled(at)
        assert len(checkins(city, last.uid)) == 1

    def test_that_stalls_may_hear_twice_but_under_one_identity(self, tmp_path: Path) -> None:
        if find_mosquitto() is None:
            pytest.skip("mosquitto is not installed: apt install mosquitto")
        town = City(tmp_path)
        with town.gateway_toml.open("a") as file:
            file.write("timeout_s = 1.0\n")
        with town as city:
            at = Checkpoint(city, "cp-1", seed=1)
            try:
                at.unit.program.start()
                assert wait_for(lambda: has(city, [tap(at)]), WAIT_S)
                city.control("stall")
                taps = [tap(at) for _ in range(2)]
                assert wait_for(lambda: requests(city) >= 4, WAIT_S)
                city.control("ok")
                assert wait_for(lambda: has(city, taps), WAIT_S)
                assert wait_for(lambda: tally_of(city, at).redelivered > 0, WAIT_S)
                assert tally_of(city, at).doubled == 0
            finally:
                at.close()

    def test_that_refuses_has_events_parked_until_somebody_asks(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        at.unit.program.start()
        tap(at)
        settled(at)
        city.control("refuse")
        taps = [tap(at) for _ in range(3)]
        assert wait_for(lambda: parked(city) == [one.uid for one in taps], WAIT_S)
        city.control("ok")
        after = tap(at)
        assert wait_for(lambda: has(city, [after]), WAIT_S)
        assert not any(checkins(city, one.uid) for one in taps)
        said = ask(city, "forward", "parked")
        assert all("422" in one["why"] for one in said)
        assert ask(city, "forward", "retry") == [{"asked": len(said)}]
        assert wait_for(lambda: has(city, taps), WAIT_S)
        assert wait_for(lambda: parked(city) == [], WAIT_S)
        assert [len(checkins(city, one.uid)) for one in at.tapper.taps] == [1] * 5


def parked(city: City) -> list[str]:
    """The badges of the parked check-ins, in the order of their tapping."""
    found = [one for one in ask(city, "forward", "parked") if "checkin" in one["event"]["type"]]
    return [one["event"]["data"]["badge"] for one in sorted(found, key=_number)]


def _number(one: dict[str, Any]) -> str:
    return str(one["event"]["sequence"])


def requests(city: City) -> int:
    """How many requests the platform has had."""
    with urlopen(f"http://127.0.0.1:{city.platform_port}/stats", timeout=WAIT_S) as answer:
        return int(json.loads(answer.read())["requests"])


class TestAClonedCard:
    def test_shows_as_a_fork_and_nothing_is_lost(
        self, city: City, checkpoint: Make, settled: Settle
    ) -> None:
        at = checkpoint()
        clone, aside = at.unit.folder / "clone", at.unit.folder / "aside"
        at.unit.program.start()
        tap(at)
        settled(at)
        assert wait_for(lambda: acknowledged(at.unit), WAIT_S)
        at.unit.program.stop()
        _move(at.unit.folder, clone, shutil.copy2)
        at.unit.program.start()
        taps = [tap(at) for _ in range(2)]
        settled(at)
        at.unit.program.stop()
        _move(at.unit.folder, aside, shutil.move)
        _move(clone, at.unit.folder, shutil.move)
        at.unit.program.start()
        taps += [tap(at) for _ in range(2)]
        settled(at)
        assert wait_for(lambda: any("forked" in line for line in alarms(city)), WAIT_S)
        log = checkins(city, taps[0].uid)[0]["id"].split("/")[2]
        logs = {one["log"] for one in city.committed() if one["unit"] == at.unit.name}
        forks = [name for name in logs if name.startswith(f"{log}~")]
        assert len(forks) == 1
        assert len(forks[0]) == 25
        at.unit.program.stop()
        _move(aside, at.unit.folder, shutil.move)
        at.unit.program.start()
        last = tap(at)
        settled(at)
        assert checkins(city, last.uid)[0]["id"].split("/")[2] == log


def _move(
    source: Path, target: Path, by: Callable[[Path, Path], object], names: str = "journal.db*"
) -> None:
    """Copies or moves the files of a database."""
    target.mkdir(exist_ok=True)
    for path in source.glob(names):
        by(path, target / path.name)


@pytest.fixture
def vehicle(city: City) -> Iterator[Vehicle]:
    """A vehicle that keeps every fix; it stands still until its `twin` is started."""
    stream = b"".join(drive(time.time_ns() // 1_000_000, 600, seed=3))
    made = Vehicle(city, "v-1", stream)
    push(city.store, "v-1", Wanted(sampling=EVERY_FIX))
    made.unit.program.start()
    assert wait_for(lambda: uses(city, made.unit, 1), WAIT_S)
    yield made
    made.twin.stop()


def kept_fixes(unit: Unit) -> list[TrackFix]:
    """All fixes in the unit's journal: those in records, and those of the open segment."""
    journal = Journal.open(unit.folder / "journal.db", read_only=True)
    try:
        records = (decode_record(raw) for *_, raw in journal.iterate("track"))
        found = [fix for record in records if isinstance(record, Track) for fix in unfold(record)]
        opened = [msgspec.json.decode(raw, type=TrackFix) for raw in journal.open_fixes()]
    finally:
        journal.close()
    return found + opened


def where(lat: float, lon: float) -> tuple[float, float]:
    return round(lat, 7), round(lon, 7)


class TestADrive:
    def test_arrives_fix_by_fix(self, city: City, vehicle: Vehicle) -> None:
        vehicle.twin.start()
        assert wait_for(lambda: len(vehicle.sent_utc_ms) >= 8, WAIT_S)
        vehicle.twin.silence()
        sent = vehicle.sent_utc_ms
        assert wait_for(lambda: len(kept_fixes(vehicle.unit)) == len(sent), WAIT_S)
        vehicle.unit.program.stop()
        vehicle.unit.program.start()
        assert wait_for(lambda: vehicle_tally(city, vehicle).platform == len(sent), WAIT_S)
        found = vehicle_tally(city, vehicle)
        assert (found.recorded, found.lost, found.doubled) == (len(sent), 0, 0)
        fixes = ask(city, "records", "--unit", "v-1", "--kind", "track", "--fixes")
        assert len(fixes) == len(sent)
        exact = {fix["utc"] for fix in fixes} & {rfc3339(at_ms) for at_ms in sent}
        assert len(exact) >= len(sent) - 2

    @pytest.mark.chaos
    def test_survives_the_killing_of_its_process(self, city: City, vehicle: Vehicle) -> None:
        vehicle.twin.start()
        for _ in range(3):
            wanted = len(kept_fixes(vehicle.unit)) + 2
            assert wait_for(lambda n=wanted: len(kept_fixes(vehicle.unit)) >= n, WAIT_S)
            vehicle.unit.program.kill()
            held = Counter(where(fix.lat, fix.lon) for fix in kept_fixes(vehicle.unit))
            assert held
            vehicle.unit.program.start()
            assert wait_for(lambda held=held: not held - at_gateway(city), WAIT_S)
        vehicle.twin.silence()
        vehicle.unit.program.stop()
        held = Counter(where(fix.lat, fix.lon) for fix in kept_fixes(vehicle.unit))
        vehicle.unit.program.start()
        assert wait_for(lambda: at_gateway(city) == held, WAIT_S)
        assert set(held.values()) == {1}


def vehicle_tally(city: City, vehicle: Vehicle) -> UnitTally:
    committed, received = city.committed("track"), list(city.received())
    return tally.vehicle(vehicle.unit.name, vehicle.sent_utc_ms, committed, received)


def at_gateway(city: City) -> "Counter[tuple[float, float]]":
    """Where `xunkong gateway records --fixes` says that the vehicle was."""
    fixes = ask(city, "records", "--unit", "v-1", "--fixes")
    return Counter(where(fix["lat"], fix["lon"]) for fix in fixes)
