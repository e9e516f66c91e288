"""The demo: a patrol of two vehicles and two checkpoints, with a broken link and a killed unit.

What the platform has at the end is compared with what was presented to the simulated parts; the
journals are not asked. It ends well only when nothing was lost and nothing doubled.
"""

import random
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.roster import RosterBadge, Wanted
from gateway.unit_config import push
from hardware.gps.epoch import FLOOR_UTC_MS, EpochAssembler
from hardware.gps.nmea import Sentence, Splitter
from hardware.gps.synthetic import drive
from hardware.gps.twin import GpsTwin
from hardware.pn532.twin import Pn532Twin
from sim import tally
from sim.broker import find_mosquitto
from sim.city import City, Unit, wait_for
from sim.show import Show
from sim.tapper import Tapper, badge
from wire.orders import Place, Sampling
from wire.words import Fault, Language, Words

AROUND_S = 10.0
"""Of the demo's time goes to starting, draining and counting."""

LEAST_S = 15.0
PAUSE_S = (0.05, 0.3)
DRAIN_S = 60.0
READY_S = 120.0
LAST_EPOCH_S = 0.5
RESTART_S = 1.0
"""Nobody taps at a box that has only just got its power back."""

ROSTER = 2_000
"""Badges that the checkpoints know; one in ten officers taps with another."""

EVERY_FIX = Sampling(moving_s=0.1, rest_s=0.1)
"""So that each epoch of the receiver can be looked for at the platform."""


class Vehicle:
    """A unit with a simulated receiver; `sent_utc_ms` are the epochs that it was sent."""

    def __init__(self, city: City, name: str, stream: bytes) -> None:
        port = city.folder / f"{name}.gps"
        self.unit = city.add(name, "vehicle", f'[gps]\nport = "{port}"\nbaud = 115200\n')
        self._splitter, self._epochs = Splitter(), EpochAssembler(FLOOR_UTC_MS)
        self.sent_utc_ms: list[int] = []
        self.twin = GpsTwin(stream, restamp=True, sent=self._sent)
        self.twin.plug(port)

    def _sent(self, data: bytes) -> None:
        up_ms = time.monotonic_ns() // 1_000_000
        for sentence in self._splitter.feed(data):
            if isinstance(sentence, Sentence):
                self._note(self._epochs.take(sentence, up_ms))
        self._note(self._epochs.quiet(up_ms + 1_000))

    def _note(self, epoch: object) -> None:
        fix = getattr(epoch, "fix", None)
        if fix is not None and fix.utc_ms is not None:
            self.sent_utc_ms.append(fix.utc_ms)


class Checkpoint:
    """A unit with a simulated reader, and officers who tap at it."""

    def __init__(self, city: City, name: str, seed: int) -> None:
        port = city.folder / f"{name}.nfc"
        self.unit = city.add(name, "checkpoint", f'[nfc]\nport = "{port}"\n')
        self.reader = Pn532Twin(port)
        self.tapper = Tapper(name, self.reader, self.unit.trace, seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tap, name=name, daemon=True)

    def _tap(self) -> None:
        self.tapper.keep_tapping(self._stop, PAUSE_S)

    def begin(self) -> None:
        """Officers begin to come by."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._tap, name=self.unit.name, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Nobody comes by any more; the tap under way is finished."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def close(self) -> None:
        self.pause()
        self.tapper.close()
        self.reader.stop()


def run_demo(
    seconds: float, report: Path | None, recordings: Sequence[Path], language: Language
) -> int:
    """Runs the demo for about `seconds`; 0 when nothing was lost or doubled, else 1.

    Raises `Fault` for recordings that cannot be read, and a report that cannot be written.
    """
    if not LEAST_S <= seconds <= 3600:
        raise Fault(
            f"--seconds {seconds:g}：应在 {LEAST_S:g} 到 3600 之间",
            f"--seconds {seconds:g}: give {LEAST_S:g} to 3600",
        )
    streams = _streams(recordings, seconds)
    with tempfile.TemporaryDirectory(prefix="xunkong-demo-") as folder:
        found = Demo(Path(folder), streams, Show(language)).run(seconds)
    if report:
        _write(report, found)
    return 0 if found.lost == found.doubled == 0 and found.recorded else 1


def _streams(recordings: Sequence[Path], seconds: float) -> list[bytes]:
    """Two vehicles' NMEA: the given recordings, one after another, or synthetic drives."""
    if not recordings:
        now_ms = time.time_ns() // 1_000_000
        return [b"".join(drive(now_ms, int(seconds) + 60, seed)) for seed in (1, 2)]
    try:
        read = [path.read_bytes() for path in recordings]
    except OSError as exc:
        raise Fault(
            f"无法读取 {exc.filename}：{exc.strerror}；请检查 --gps",
            f"cannot read {exc.filename}: {exc.strerror}; check --gps",
        ) from exc
    return [read[0], read[1 % len(read)]]


def _write(path: Path, found: tally.Report) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as exc:
        raise Fault(
            f"无法写入 {path}：{exc.strerror}；请检查 --report",
            f"cannot write {path}: {exc.strerror}; check --report",
        ) from exc


class Demo:
    """The timeline."""

    def __init__(self, folder: Path, streams: list[bytes], show: Show) -> None:
        self._show = show
        self._city = City(folder, tls=find_mosquitto() is not None)
        self._vehicles = [
            Vehicle(self._city, f"v-03-{n}", stream) for n, stream in enumerate(streams, 1)
        ]
        self._checkpoints = [Checkpoint(self._city, f"cp-03-{n}", seed=n) for n in (1, 2)]
        self._dice = random.Random()

    def run(self, seconds: float) -> tally.Report:
        """Plays it all, and counts."""
        begun_s = time.monotonic()
        try:
            with self._city:
                self._start()
                self._patrol(max(5.0, seconds - AROUND_S))
                self._end_of_shift()
                found = self._count(begun_s)
        finally:
            for vehicle in self._vehicles:
                vehicle.twin.stop()
            for checkpoint in self._checkpoints:
                checkpoint.close()
        self._show.table(found)
        return found

    # Start

    def _start(self) -> None:
        how = " (TLS)" if self._city.tls else ""
        self._show.say(
            Words(
                f"启动：{self._city.broker.kind}{how}、网关（run、ingest、forward）、平台、4 个单元",
                f"starting {self._city.broker.kind}{how}, the gateway (run, ingest, forward), "
                "the platform, four units",
            )
        )
        for unit in self._city.units:
            self._configure(unit)
        for unit in self._city.units:
            unit.program.start()
        if not wait_for(self._all_ready, READY_S):
            raise Fault(
                f"单元未能在 {READY_S:.0f} 秒内就绪；见 {self._city.folder}",
                f"the units were not ready within {READY_S:.0f} s: {self._city.rows()}",
            )

    def _configure(self, unit: Unit) -> None:
        place = Place(unit.name, unit.name, 27.2418, 111.4725)
        known = [RosterBadge(badge(n), f"p-{n:05d}") for n in range(ROSTER) if n % 10]
        config = Wanted(place=unit.name, badges=known, places=[place], sampling=EVERY_FIX)
        push(self._city.store, unit.name, config)

    def _all_ready(self) -> bool:
        """Every unit uses its configuration, and the gateway has what it has written so far."""
        rows, booted = self._city.rows(), {row["unit"] for row in self._city.committed("boot")}
        return all(
            row.online and row.config is not None and row.config == row.config_wanted
            for row in (rows[unit.name] for unit in self._city.units)
        ) and booted >= {unit.name for unit in self._city.units}

    # The patrol

    def _patrol(self, for_s: float) -> None:
        self._show.say(
            Words(
                "巡逻开始：两辆车行驶，两个卡点有人打卡",
                "the patrol begins: two vehicles drive, officers tap at two checkpoints",
            )
        )
        begun_s = time.monotonic()
        for vehicle in self._vehicles:
            vehicle.twin.start()
        for checkpoint in self._checkpoints:
            checkpoint.begin()
        self._watch_until(begun_s + for_s * 0.3)
        self._cut_broker(for_s * 0.2)
        self._watch_until(begun_s + for_s * 0.7)
        self._kill_in_mid_tap(self._checkpoints[1])
        self._watch_until(begun_s + for_s)

    def _watch_until(self, moment_s: float) -> None:
        while (left_s := moment_s - time.monotonic()) > 0:
            time.sleep(min(1.0, left_s))
            self._report_progress()

    def _report_progress(self) -> None:
        taps = [tap for checkpoint in self._checkpoints for tap in checkpoint.tapper.taps]
        beeped = [tap for tap in taps if tap.beep_ns]
        arrived = self._arrived()
        self._show.progress(
            taps=len(taps),
            beeps=len(beeped),
            arrived=sum((tap.unit, tap.uid) in arrived for tap in taps),
            fixes=sum(len(vehicle.sent_utc_ms) for vehicle in self._vehicles),
        )

    def _arrived(self) -> set[tuple[str, str]]:
        """Which taps the platform has: unit and badge."""
        return {
            (event["source"].removeprefix("/units/"), event["data"]["badge"])
            for _, event in self._city.received()
            if event["type"] == "cn.xunkong.checkin.v1"
        }

    def _cut_broker(self, for_s: float) -> None:
        self._show.say(
            Words(
                f"断开消息代理 {for_s:.0f} 秒：打卡照常响，记录留在单元里",
                f"the broker is cut for {for_s:.0f} s: taps beep as ever, records stay on the units",
            )
        )
        begun_ns = time.monotonic_ns()
        self._city.broker.cut()
        self._watch_until(time.monotonic() + for_s)
        self._city.broker.start()
        self._show.say(
            Words("消息代理恢复，积压开始上传", "the broker is back, the backlog drains")
        )
        self._until_settled(begun_ns)

    def _until_settled(self, begun_ns: int) -> None:
        """Waits until all taps so far have arrived; they count as disturbed."""
        disturbed = [
            tap
            for checkpoint in self._checkpoints
            for tap in checkpoint.tapper.taps
            if tap.presented_ns >= begun_ns - 1_000_000_000
        ]
        mark_ns = time.monotonic_ns()
        wanted = {(tap.unit, tap.uid) for tap in disturbed if tap.beep_ns}
        wait_for(lambda: wanted <= self._arrived(), DRAIN_S)
        end_ns = time.monotonic_ns()
        for checkpoint in self._checkpoints:
            for tap in checkpoint.tapper.taps:
                if begun_ns - 1_000_000_000 <= tap.presented_ns <= max(mark_ns, end_ns):
                    tap.calm = False

    def _kill_in_mid_tap(self, checkpoint: Checkpoint) -> None:
        unit = checkpoint.unit
        checkpoint.pause()
        self._show.say(
            Words(
                f"在打卡途中强行杀死 {unit.name}（SIGKILL），再启动",
                f"{unit.name} is killed in mid-tap (SIGKILL), and started again",
            )
        )
        begun_ns = time.monotonic_ns()
        killer = threading.Timer(self._dice.uniform(0.005, 0.03), unit.program.kill)
        killer.start()
        checkpoint.tapper.tap(checkpoint.tapper.new_badge(), wait_s=0.5)
        killer.join()
        unit.program.start()
        time.sleep(RESTART_S)
        checkpoint.begin()
        self._until_settled(begun_ns)

    # The end

    def _end_of_shift(self) -> None:
        """Everybody goes home; a clean stop closes what is open, and a start sends it."""
        self._show.say(
            Words(
                "交班：单元正常停止后再启动，余下的上传",
                "end of shift: a clean stop, a start, and the rest goes out",
            )
        )
        for checkpoint in self._checkpoints:
            checkpoint.pause()
        for vehicle in self._vehicles:
            vehicle.twin.silence()
        time.sleep(LAST_EPOCH_S)
        for vehicle in self._vehicles:
            vehicle.unit.program.stop()
            vehicle.unit.program.start()
        wait_for(self._all_arrived, DRAIN_S)

    def _all_arrived(self) -> bool:
        arrived = self._arrived()
        taps = (tap for checkpoint in self._checkpoints for tap in checkpoint.tapper.taps)
        if any(tap.beep_ns and (tap.unit, tap.uid) not in arrived for tap in taps):
            return False
        return all(t.platform >= t.recorded for t in self._vehicle_tallies())

    def _vehicle_tallies(self) -> list[tally.UnitTally]:
        committed, received = self._city.committed("track"), list(self._city.received())
        return [
            tally.vehicle(v.unit.name, v.sent_utc_ms, committed, received) for v in self._vehicles
        ]

    def _count(self, begun_s: float) -> tally.Report:
        checkins, received = self._city.committed("checkin"), list(self._city.received())
        taps = [tap for checkpoint in self._checkpoints for tap in checkpoint.tapper.taps]
        units = self._vehicle_tallies() + [
            tally.checkpoint(c.unit.name, c.tapper.taps, checkins, received)
            for c in self._checkpoints
        ]
        kept = {(row["unit"], row["record"]["badge"]) for row in checkins}
        return tally.Report(
            units=units,
            recorded=sum(unit.recorded for unit in units),
            committed=sum(unit.committed for unit in units),
            platform=sum(unit.platform for unit in units),
            lost=sum(unit.lost for unit in units),
            doubled=sum(unit.doubled for unit in units),
            redelivered=sum(unit.redelivered for unit in units),
            no_beep=[
                {"unit": tap.unit, "uid": tap.uid, "committed": (tap.unit, tap.uid) in kept}
                for tap in taps
                if tap.beep_ns is None
            ],
            tap_to_beep_ms=tally.tap_to_beep(taps),
            tap_to_platform_ms=tally.tap_to_platform(taps, received, calm=True),
            tap_to_platform_disturbed_ms=tally.tap_to_platform(taps, received, calm=False),
            broker=self._city.broker.kind,
            seconds=round(time.monotonic() - begun_s, 1),
        )
