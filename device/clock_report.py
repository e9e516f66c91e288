"""How a unit stands with the time, by its journal and its machine: for `xunkong device clock`."""

from datetime import UTC, datetime

from msgspec import Struct

from device import system
from device.core.clock import BUILT_MS, ClockKeeper
from device.core.kept_time import KeptTime
from device.core.moment import Now
from device.core.timekeeper import NOTE
from device.journal.journal import Journal
from device.known_time import kept_time, newest_events
from device.memory import notes_of
from wire.records import Clock, ClockSource
from wire.words import Language, Words


class ClockReport(Struct, frozen=True):
    """The time as records of now would have it, by `source`; None: not known.

    `floor_ms`: the newest UTC ever kept, None if none. `last_gain`: the newest `clock` record's word.
    `steered`: NTP steers the system's clock, within `ntp_err_ms`. `behind_ms`: how far the system's time
    is before the floor; TLS may fail where it is more than none.
    """

    source: ClockSource
    at_ms: int | None
    err_ms: int | None
    floor_ms: int | None
    last_gain_ms: int | None
    last_gain_source: ClockSource | None
    this_boot: bool
    system_ms: int
    steered: bool
    ntp_err_ms: int | None
    behind_ms: int


def look(journal: Journal, boot: str, now: Now, steered: tuple[bool, int]) -> ClockReport:
    """Reads what the running unit, or the next one, knows of the time."""
    kept = kept_time(journal, notes_of(journal).recall(NOTE, KeptTime))
    keeper = ClockKeeper(BUILT_MS)
    if kept:
        keeper.remember(kept.floor_ms, kept.anchor if kept.boot == boot else None)
    stamp = keeper.stamp(now.up_ms)
    gain = next((event for event in newest_events(journal) if isinstance(event, Clock)), None)
    return ClockReport(
        source=stamp.clock,
        at_ms=stamp.at_ms,
        err_ms=stamp.clock_err_ms,
        floor_ms=kept.floor_ms if kept else None,
        last_gain_ms=gain.utc_ms if gain else None,
        last_gain_source=gain.source if gain else None,
        this_boot=gain is not None and gain.boot == boot,
        system_ms=now.wall_ms,
        steered=steered[0],
        ntp_err_ms=steered[1] if steered[0] else None,
        behind_ms=max(0, kept.floor_ms - now.wall_ms) if kept else 0,
    )


def of_this_machine(journal: Journal) -> ClockReport:
    """The report of now."""
    return look(journal, system.boot_id(), system.now(), system.is_steered())


def lines(report: ClockReport, language: Language) -> list[str]:
    """The report for a person: what is so, and what to do where it is not well."""
    words = [_source(report), _floor(report), _gain(report), _system(report)]
    if report.behind_ms:
        words.append(
            Words(
                f"系统时间早于已知最新时间 {report.behind_ms / 1000:.0f} 秒，TLS 可能失败；"
                "请设 [clock] set_system = true 并给服务 CAP_SYS_TIME，或接入网络或卫星定位",
                f"the system's time is {report.behind_ms / 1000:.0f} s before the newest kept, "
                "TLS may fail: set [clock] set_system = true and give the service CAP_SYS_TIME, "
                "or let it have network or GPS",
            )
        )
    return [line.say(language) for line in words]


def _source(report: ClockReport) -> Words:
    if report.at_ms is None:
        return Words(
            "时间：未知，本次启动还没有可信来源", "time: not known, no source in this boot yet"
        )
    err = "?" if report.err_ms is None else f"{report.err_ms / 1000:.1f}"
    at = _utc(report.at_ms)
    return Words(
        f"时间：{at}，来源 {report.source}，误差 {err} 秒",
        f"time: {at}, from {report.source}, within {err} s",
    )


def _floor(report: ClockReport) -> Words:
    at = _utc(report.floor_ms)
    return Words(f"已知最新时间：{at}", f"newest time kept: {at}")


def _gain(report: ClockReport) -> Words:
    if report.last_gain_ms is None:
        return Words("最近一次校时：无", "last gain of trust: none")
    at = f"{_utc(report.last_gain_ms)}, {report.last_gain_source}"
    zh, en = ("本次启动", "this boot") if report.this_boot else ("以前的启动", "a boot before")
    return Words(f"最近一次校时：{at}（{zh}）", f"last gain of trust: {at} ({en})")


def _system(report: ClockReport) -> Words:
    at = _utc(report.system_ms)
    if report.ntp_err_ms is None:
        return Words(f"系统时间：{at}，未同步", f"system time: {at}, not synchronised")
    err_s = report.ntp_err_ms / 1000
    return Words(
        f"系统时间：{at}，NTP 同步，误差 {err_s:.1f} 秒",
        f"system time: {at}, steered by NTP within {err_s:.1f} s",
    )


def _utc(utc_ms: int | None) -> str:
    if utc_ms is None:
        return "-"
    return datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")
