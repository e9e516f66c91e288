"""Do the pin tables, the drawings, the boot fragments, the parts list, the code and the defaults agree?

Each rule gives its findings as sentences: where, what, and what it should be.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hardware.book.board import HEADER, POWER, UARTS, Uart
from hardware.book.draw import draw
from hardware.book.sheet import FOLDER, Sheet, Wire, sheets
from hardware.book.sources import default_ports, panel_pins
from hardware.book.table import table

DEFAULT_MODEL = "pi4"
PANEL_JOBS = ("sos", "ack", "ignition", "buzzer", "green", "red")
I2C_JOBS = {"rtc.sda": "GPIO2", "rtc.scl": "GPIO3"}
CONSOLE = "console=serial0,115200"


class Book(NamedTuple):
    """Where everything lies: the book's folder, the panel's module, the gateway's site module."""

    folder: Path = FOLDER
    panel: Path = FOLDER.parent / "panel" / "panel.py"
    site: Path = FOLDER.parent.parent / "gateway" / "site.py"


def findings(book: Book | None = None) -> list[str]:
    """Every disagreement; empty when the book is whole."""
    book = book or Book()
    all_sheets = sheets(book.folder)
    pins, ports = panel_pins(book.panel), default_ports(book.site)
    found = [said for sheet in all_sheets for said in _of_sheet(sheet, pins, book.folder)]
    found += _defaults(all_sheets, ports)
    found += _drift(all_sheets, book.folder)
    found += _console(book.folder)
    return found


def _of_sheet(sheet: Sheet, pins: Mapping[str, int], folder: Path) -> Iterator[str]:
    yield from _table(sheet)
    yield from _panel(sheet, pins)
    yield from _i2c(sheet, folder)
    yield from _parts(sheet, folder)
    for model in sheet.models:
        yield from _serial(sheet, model, folder)


def _table(sheet: Sheet) -> Iterator[str]:
    wires = [wire for part in sheet.part for wire in part.wires]
    for wire in wires:
        if HEADER.get(wire.pin) != wire.net:
            yield f"{sheet.role}: pin {wire.pin} is {HEADER.get(wire.pin)}, not {wire.net}"
    taken = Counter(wire.pin for wire in wires if wire.net not in POWER)
    for pin, count in taken.items():
        if count > 1:
            yield f"{sheet.role}: pin {pin} ({HEADER.get(pin)}) is given {count} times"


def _panel(sheet: Sheet, pins: Mapping[str, int]) -> Iterator[str]:
    jobs = sheet.jobs()
    for job in PANEL_JOBS:
        if job in jobs and jobs[job].net != f"GPIO{pins[job]}":
            yield f"{sheet.role}: {job} is on {jobs[job].net}, but on GPIO{pins[job]} in panel.py"
        if job not in jobs and not (job == "ignition" and sheet.role != "vehicle"):
            yield f"{sheet.role}: {job} is not wired"


def _lines(folder: Path, model: str) -> set[str]:
    path = folder / "boot" / f"config.{model}.txt"
    text = path.read_text("ascii") if path.exists() else ""
    return {line.strip() for line in text.splitlines() if not line.startswith("#")}


def _i2c(sheet: Sheet, folder: Path) -> Iterator[str]:
    jobs = sheet.jobs()
    for job, net in I2C_JOBS.items():
        if job in jobs and jobs[job].net != net:
            yield f"{sheet.role}: {job} is on {jobs[job].net}, not {net}"
    wanted = {"dtparam=i2c_arm=on", "dtoverlay=i2c-rtc,ds3231"} if "rtc.sda" in jobs else set()
    for model in sheet.models:
        for line in sorted(wanted - _lines(folder, model)):
            yield f"boot/config.{model}.txt: no line {line}, which {sheet.role}'s clock needs"


def _serial(sheet: Sheet, model: str, folder: Path) -> Iterator[str]:
    jobs, lines = sheet.jobs(), _lines(folder, model)
    for part, by_model in sheet.ports.items():
        port = by_model.get(model)
        uart = next((uart for uart in UARTS[model] if uart.device == port), None)
        if port is None:
            yield f"{sheet.role}: no port for {part} on {model}"
        elif uart is not None:
            yield from _uart(f"{sheet.role}, {model}: {part}", uart, part, jobs)
            for line in sorted(set(uart.lines) - lines):
                yield f"boot/config.{model}.txt: no line {line}, which {part} on {port} needs"
        elif not port.startswith("/dev/serial/by-id/"):
            yield f"{sheet.role}: {model} has no port {port} for {part}"
    yield from _claimed(sheet, model, lines)


def _uart(where: str, uart: Uart, part: str, jobs: Mapping[str, Wire]) -> Iterator[str]:
    for job, net, terminal in ((f"{part}.tx", uart.tx, "RXD"), (f"{part}.rx", uart.rx, "TXD")):
        wire = jobs.get(job)
        if wire is None or wire.net != net:
            yield f"{where}: {uart.device} has {job} on {net}, the table on {wire and wire.net}"
        elif wire.terminal != terminal:
            yield f"{where}: {net} goes to {wire.terminal}, not {terminal}"


def _claimed(sheet: Sheet, model: str, lines: set[str]) -> Iterator[str]:
    """A port that the boot fragment opens takes its pins, used or not."""
    for uart in UARTS[model]:
        if not set(uart.lines) <= lines:
            continue
        for job, wire in sheet.jobs().items():
            if wire.net in (uart.tx, uart.rx) and not job.endswith((".tx", ".rx")):
                yield f"{sheet.role}, {model}: {job} on {wire.net} collides with {uart.device}"


def _defaults(all_sheets: list[Sheet], ports: Mapping[str, str]) -> Iterator[str]:
    for sheet in all_sheets:
        if DEFAULT_MODEL not in sheet.models:
            continue
        for part, by_model in sheet.ports.items():
            if ports.get(part) != by_model.get(DEFAULT_MODEL):
                yield (
                    f"device.example.toml: [{part}] port is {ports.get(part)}, "
                    f"but {sheet.role} on {DEFAULT_MODEL} has {by_model.get(DEFAULT_MODEL)}"
                )


def _parts(sheet: Sheet, folder: Path) -> Iterator[str]:
    with (folder / "bom.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    listed = {row["id"] for row in rows if sheet.role in row["role"].split()}
    for part in sheet.part:
        if part.id not in listed:
            yield f"bom.csv: no row {part.id} for {sheet.role}"


def _console(folder: Path) -> Iterator[str]:
    if CONSOLE not in (folder / "boot" / "cmdline.remove.txt").read_text("ascii").split():
        yield f"boot/cmdline.remove.txt: {CONSOLE} is missing; it holds the port of the receiver"


def documents(all_sheets: list[Sheet]) -> dict[str, str]:
    """Every generated file's name and text."""
    return {f"{sheet.role}.svg": draw(sheet) for sheet in all_sheets} | {
        f"{sheet.role}.md": table(sheet) for sheet in all_sheets
    }


def _drift(all_sheets: list[Sheet], folder: Path) -> Iterator[str]:
    wanted = documents(all_sheets)
    there = {path.name: path.read_text("utf-8") for path in (folder / "wiring").iterdir()}
    for name in sorted(wanted.keys() | there.keys()):
        if wanted.get(name) != there.get(name):
            yield f"wiring/{name} is not what the pin table says; run python -m hardware.book"


def write(folder: Path = FOLDER) -> None:
    """Writes drawings and tables anew, and removes what no pin table asks for."""
    wanted = documents(sheets(folder))
    for path in (folder / "wiring").iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / "wiring" / name).write_text(text, "utf-8")
