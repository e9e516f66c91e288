"""How the gateway's answers look in a terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Raw

from gateway.forward.events import rfc3339
from gateway.lookup import UnitRow
from wire.batch import decode_record
from wire.duties import DutyKind
from wire.live import Health, ModemHealth
from wire.records import Duty
from wire.words import Language, Words, printable

KEY_ID = 16
"""Digits by which a person tells public keys apart."""

SILENT_S = 60
"""A part that was last heard of longer ago is named."""


def utc(at_s: float, zone: ZoneInfo) -> str:
    """A moment in the site's zone, with its offset."""
    return datetime.fromtimestamp(at_s, zone).isoformat(sep=" ", timespec="seconds")


def unit_line(row: UnitRow, language: Language) -> str:
    """One unit on one line, and nothing on it that a terminal would obey: nobody signs a live picture."""
    here = Words("在线", "online") if row.online else Words("离线", "OFFLINE")
    queue = " ".join(f"{name} {count}" for name, count in row.queue.items())
    parts = [
        f"{row.unit:<16}",
        f"{here.say(language):<8}",
        _position(row, language),
        f"{Words('班组', 'crew').say(language)} {','.join(row.crew) or '-'}",
        f"{Words('待传', 'queue').say(language)} {queue or '-'}",
        f"{Words('时钟', 'clock').say(language)} {row.clock or '-'}",
        f"{Words('配置', 'config').say(language)} {row.config or '-'}/{row.config_wanted or '-'}",
    ]
    parts += _health(row.health, language) if row.health else []
    if row.broken:
        parts.append(f"{Words('异常', 'broken').say(language)}: {'; '.join(row.broken)}")
    return printable("  ".join(parts))


def _health(health: Health, language: Language) -> list[str]:
    """The figures that somebody may have to act on; what the unit cannot measure is left out."""
    parts = [] if health.cpu_c is None else [f"{health.cpu_c:.0f} °C"]
    written, budget = health.sd_written_mb_day, health.sd_budget_mb_day
    if written is not None:
        parts.append(f"{Words('存储卡', 'card').say(language)} {written}/{budget or '-'} MiB")
    if health.modem:
        parts.append(_link(health.modem, language))
    silent = [f"{part} {s} s" for part, s in health.heard_s.items() if s > SILENT_S]
    if silent:
        parts.append(f"{Words('无声', 'silent').say(language)} {', '.join(silent)}")
    return parts


def _link(modem: ModemHealth, language: Language) -> str:
    signal = "-" if modem.signal_dbm is None else f"{modem.signal_dbm:.0f} dBm"
    used = "-" if modem.used_mb is None else modem.used_mb
    said = f"{modem.operator or modem.word} {modem.technology or '-'} {signal}"
    return f"{Words('网络', 'net').say(language)} {said} {used}/{modem.cap_mb or '-'} MB"


def _position(row: UnitRow, language: Language) -> str:
    if row.lat is None or row.lon is None:
        return Words("无位置", "no position").say(language)
    age = Words(f"{row.fix_age_s} 秒前", f"{row.fix_age_s} s ago").say(language)
    return f"{row.lat:.6f},{row.lon:.6f} ({age})"


def duty_name(
    row: dict[str, Any], known: Mapping[str, DutyKind], language: Language
) -> dict[str, Any]:
    """A row of `found_records`; one of a duty says its name too, in the reader's language."""
    record = decode_record(bytes(row["record"])) if isinstance(row["record"], Raw) else None
    if not isinstance(record, Duty) or record.duty not in known:
        return row
    kind = known[record.duty]
    return {**row, "duty": Words(kind.zh, kind.en).say(language)}


def record_time(
    row: dict[str, Any], language: Language, zone: ZoneInfo | None = None
) -> dict[str, Any]:
    """A row of `found_records` whose time, where it is not known, is said in words by its bounds. `zone` None: UTC."""
    if row["time"] is not None:
        at_s = datetime.fromisoformat(row["time"]).timestamp()
        return row if zone is None else {**row, "time": utc(at_s, zone)}
    said = _between(row["earliest_ms"], row["latest_ms"], zone).say(language)
    return {k: v for k, v in {**row, "time": said}.items() if k not in ("earliest_ms", "latest_ms")}


def _moment(at_ms: int | None, zone: ZoneInfo | None) -> str:
    if at_ms is None:
        return ""
    return rfc3339(at_ms) if zone is None else utc(at_ms / 1000, zone)


def _between(earliest_ms: int | None, latest_ms: int | None, zone: ZoneInfo | None) -> Words:
    early, late = _moment(earliest_ms, zone), _moment(latest_ms, zone)
    if early and late:
        return Words(f"{early} 与 {late} 之间", f"between {early} and {late}")
    if late:
        return Words(f"不晚于 {late}", f"not after {late}")
    return Words(f"不早于 {early}", f"not before {early}") if early else Words("未知", "unknown")
