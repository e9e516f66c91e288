"""The machine on trial: journal and its medium, clock, temperature, brokers."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from device import system
from device.config import DeviceConfig, journal_path
from device.core import events as ev
from device.journal.errors import JournalBusy, JournalError
from device.journal.journal import Journal
from device.link.mqtt import Broker, MqttLink
from device.papers import Papers
from device.selftest.ears import Ears
from device.selftest.finding import Finding
from hardware.board.readings import Board
from hardware.modem.meaning import OK, ModemReading
from hardware.modem.mmcli import Mmcli
from wire import codec
from wire.live import State
from wire.words import Words

LEAST_FREE_MB = 200
SLOW_FSYNC_MS = 100
HOT_C = 80.0
CONNECT_S = 12.0
LOOK_S = 1.0
MODEM_UP_MS = 90_000
"""Since the machine's start, within which ModemManager finds a modem and NetworkManager connects it."""


def try_journal(path: Path, config: DeviceConfig) -> Finding:
    """Whether the journal opens, and takes a write to the medium in time."""
    where = journal_path(path, config)
    try:
        journal = Journal.open(where)
    except JournalBusy as exc:
        return Finding("journal", "fault", exc.words, _stop_it_first())
    except JournalError as exc:
        return Finding("journal", "fault", exc.words)
    journal.close()
    return try_medium(where.parent)


def _stop_it_first() -> Words:
    return Words(
        "单元正在运行：先停止它（systemctl stop xunkong-device），再自检",
        "the unit is running: stop it first (systemctl stop xunkong-device), then test",
    )


def try_medium(folder: Path) -> Finding:
    """Whether the journal's medium takes writes in time, and has room."""
    free_mb = Board(folder).read().disk_free_mb or 0
    try:
        fsync_ms = _fsync_ms(folder)
    except OSError as exc:
        return Finding(
            "journal",
            "fault",
            Words(
                f"{folder} 写入失败：{exc.strerror}", f"cannot write to {folder}: {exc.strerror}"
            ),
            Words("检查存储卡，必要时更换", "check the card, and replace it if need be"),
        )
    what = Words(
        f"可写，落盘 {fsync_ms:.0f} 毫秒，剩余 {free_mb} MB",
        f"takes writes, {fsync_ms:.0f} ms to the medium, {free_mb} MB free",
    )
    if free_mb < LEAST_FREE_MB:
        return Finding("journal", "warning", what, Words("清理存储卡", "make room on the card"))
    if fsync_ms > SLOW_FSYNC_MS:
        slow = Words("存储卡太慢：换 A1/A2 级的卡", "the card is slow: use one of class A1 or A2")
        return Finding("journal", "warning", what, slow)
    return Finding("journal", "ok", what)


def _fsync_ms(folder: Path) -> float:
    """The slowest of five small writes."""
    path = folder / f".selftest-{os.getpid()}"
    slowest_s = 0.0
    try:
        with path.open("wb") as file:
            for _ in range(5):
                began_s = time.monotonic()
                file.write(bytes(512))
                file.flush()
                os.fsync(file.fileno())
                slowest_s = max(slowest_s, time.monotonic() - began_s)
    finally:
        path.unlink(missing_ok=True)
    return slowest_s * 1000


def try_clock() -> Finding:
    """Which clock the machine has; without any the unit waits for GPS or the gateway."""
    heard = system.system_clock()
    if heard:
        return Finding(
            "clock", "ok", Words(f"系统时钟：{heard.source}", f"system clock by {heard.source}")
        )
    return Finding(
        "clock",
        "warning",
        Words("没有 RTC，也没有网络对时", "no RTC, and no network time"),
        Words(
            "可用：时间将由 GPS 或网关给出；装 RTC 可让断电后立即有时间",
            "it works: GPS or the gateway will tell; an RTC has the time right after a power cut",
        ),
    )


def try_temperature(folder: Path) -> Finding:
    """How hot the processor is."""
    cpu_c = Board(folder).read().cpu_c
    if cpu_c is None:
        return Finding("cpu", "untried", Words("读不到温度", "its temperature cannot be read"))
    what = Words(f"{cpu_c:.0f} °C", f"{cpu_c:.0f} °C")
    if cpu_c < HOT_C:
        return Finding("cpu", "ok", what)
    return Finding(
        "cpu",
        "warning",
        what,
        Words("加散热片，避免阳光直射机箱", "add a heat sink; keep the box out of the sun"),
    )


def try_modem(config: DeviceConfig) -> Iterator[Finding]:
    """Whether the modem is there, has a SIM and a network."""
    if config.modem is None:
        return
    seen = _modem(Mmcli(config.modem.command))
    if seen.word == "ok":
        signal = "" if seen.signal_dbm is None else f" {seen.signal_dbm:.0f} dBm"
        what = f"{seen.operator or '?'} {seen.technology or ''}{signal}"
        yield Finding("modem", "ok", Words(what, what))
        return
    yield Finding(
        "modem",
        "fault",
        Words(f"调制解调器：{seen.word}", seen.word),
        Words(
            "检查 USB 与供电、SIM 卡及其 PIN、天线；mmcli -L 应列出它",
            "check its USB and supply, SIM and PIN, antenna; `mmcli -L` should list it",
        ),
    )


def _modem(mmcli: Mmcli) -> ModemReading:
    """As it is once it had its time after the machine's start."""
    while True:
        seen = mmcli.read()
        if seen.word == OK or system.up_ms() > MODEM_UP_MS:
            return seen
        time.sleep(LOOK_S)


def try_brokers(config: DeviceConfig, papers: Papers) -> Iterator[Finding]:
    """Each broker; the unit can work while one of them answers, and records on while none does."""
    findings = [_broker(config.unit.id, broker, papers) for broker in config.brokers()]
    answered = any(finding.verdict == "ok" for finding in findings)
    for finding in findings:
        yield _softened(finding) if answered and finding.verdict == "fault" else finding


def _softened(finding: Finding) -> Finding:
    return Finding(finding.part, "warning", finding.what, finding.remedy)


def _broker(unit: str, broker: Broker, papers: Papers) -> Finding:
    part = f"broker {broker}"
    ears = Ears()
    link = MqttLink(unit, [broker], ears.put, lambda conn: _will(unit, conn), random.random, papers)
    link.start()
    try:
        told = ears.wait(lambda event: isinstance(event, ev.LinkUp | ev.LinkDown), CONNECT_S)
    finally:
        link.stop()
    if isinstance(told, ev.LinkUp):
        return Finding(part, "ok", Words("已连接", "connected"))
    why = told.why if isinstance(told, ev.LinkDown) else f"{CONNECT_S:.0f} s"
    return Finding(
        part,
        "fault",
        Words(f"连接不上：{why}", f"cannot be reached: {why}"),
        Words(
            "检查网络、地址与端口、证书；离线时打卡仍会保存",
            "check network, address and port, certificates; without it check-ins are still kept",
        ),
    )


def _will(unit: str, conn: int) -> bytes:
    return codec.encode(State(1, unit, False, system.boot_id(), conn))
