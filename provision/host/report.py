"""The report of a machine: JSON for machines, and a sheet to be printed and put into the box."""

import html
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from provision.steps.settings import sheet_of
from wire.words import Fault

GATEWAY = "gateway"
"""The role that is no unit's."""
WIRED = {"panel": ("sos", "ack", "ignition", "buzzer", "green", "red")}
"""What the book wires for a section of device.toml; others bear its name."""
STYLE = (
    "body{font:12pt sans-serif;margin:15mm}table{border-collapse:collapse;width:100%;margin:4mm 0}"
    "td,th{border:1px solid #888;padding:1.5mm 2mm;text-align:left;vertical-align:top}h1{font-size:20pt}"
)


def write_report(report: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Writes both into `folder`, named for the unit, or for the gateway's address; a newer one replaces an older.

    Raises `Fault`.
    """
    name = report["unit"]
    if report["role"] == GATEWAY:
        name = f"{name}-{re.sub(r'[^A-Za-z0-9.-]', '_', report['host'])}"
    paths = folder / f"{name}.json", folder / f"{name}.html"
    texts = json.dumps(report, ensure_ascii=False, indent=1), sheet(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text + "\n", "utf-8")
    except OSError as exc:
        raise Fault(
            f"无法写入 {folder}：{exc.strerror}", f"cannot write into {folder}: {exc.strerror}"
        ) from exc
    return paths


def sheet(report: dict[str, Any]) -> str:
    """The sheet, in Chinese and English, as HTML."""
    title = f"{html.escape(report['unit'])} · {report['role']}"
    parts = [
        f"<!doctype html><html lang=zh><meta charset=utf-8><title>{title}</title>",
        f"<style>{STYLE}</style><h1>巡控 Xunkong: {title}</h1>",
        _table(_facts(report)),
        *(_steps(report) if report["role"] == GATEWAY else _parts(report)),
        "<p>检查人 checked by ____________________ 日期 date ____________________</p></html>",
    ]
    return "\n".join(parts)


def _parts(report: dict[str, Any]) -> Iterator[str]:
    """A unit's: how each part was found, and how it is wired."""
    yield "<h2>自检 self-test</h2>"
    yield _table(_findings(report))
    yield "<h2>接线 wiring</h2>"
    yield _table(_wires(report))


def _steps(report: dict[str, Any]) -> Iterator[str]:
    """A gateway's: what each step said."""
    yield "<h2>步骤 steps</h2>"
    yield _table((one["step"], one["words_zh"], one["words"]) for one in report["steps"])


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    lines = (
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return "<table>" + "".join(lines) + "</table>"


def _facts(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    machine = report.get("machine", {})
    yield "状态 state", "上岗 on duty" if report["done"] else "未完成 NOT done"
    yield "日期 date", _local(report["at"], report["zone"])
    yield "型号 model", machine.get("model") or machine.get("arch", "?")
    yield "序列号 serial", machine.get("serial", "?")
    yield "系统 system", f"{machine.get('os', '?')} {machine.get('arch', '?')}"
    yield "软件 software", report["version"]
    if "kid" in report:
        yield "密钥 key", report["kid"]
    yield "broker", ", ".join(report["brokers"])
    yield "时区 zone", report["zone"]


def _local(at: str, zone: str) -> str:
    """A time (ISO) as people of `zone` (IANA) read it."""
    return f"{datetime.fromisoformat(at).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _findings(report: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    tested = report.get("selftest", {})
    for one in tested.get("findings", ()):
        if "part" in one:
            yield one["part"], one["verdict"], f"{one['what_zh']} · {one['what']}"
    yield "", "", _local(tested["at"], report["zone"]) if tested else "—"


def _wires(report: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The book's wires for this board and role, without those of parts that it lacks, each with a box to tick."""
    found = sheet_of(report["role"], report.get("machine", {}).get("board"))
    lacks = {wired for name in report.get("lacks", ()) for wired in WIRED.get(name, (name,))}
    parts = [part for part in found.part if part.id not in lacks] if found else []
    wires = ((wire, part) for part in parts for wire in part.wires)
    for wire, part in sorted(wires, key=lambda pair: pair[0].pin):
        yield "☐", str(wire.pin), wire.net, f"{part.zh} · {part.en}", wire.terminal, wire.colour
