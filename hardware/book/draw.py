"""Draws a role's wiring sheet as SVG (A4, landscape): header, parts, and a wire between them each."""

from html import escape
from typing import NamedTuple

from hardware.book.board import HEADER, POWER
from hardware.book.sheet import Part, Sheet, Wire

INK = {
    "red": "#d32f2f",
    "black": "#212121",
    "blue": "#1565c0",
    "green": "#2e7d32",
    "yellow": "#e0a800",
    "white": "#ffffff",
    "orange": "#ef6c00",
    "purple": "#7b1fa2",
    "grey": "#757575",
    "brown": "#6d4c41",
}
PIN_FILL = {"3V3": "#ffcdd2", "5V": "#ef9a9a", "GND": "#bdbdbd"}
ROW, TERMINAL, HEAD, GAP = 25, 19, 40, 9
TOP, MIDDLE = 112, 560
BOX_WIDTH = 306
EDGE = {"left": 24 + BOX_WIDTH, "right": 1096 - BOX_WIDTH}
OUT = {"left": MIDDLE - 92, "right": MIDDLE + 92}


class Run(NamedTuple):
    """A wire with where its terminal stands."""

    wire: Wire
    side: str
    y: int


def draw(sheet: Sheet) -> str:
    """The whole document; the same text for the same table."""
    boxes, runs = _boxes(sheet)
    used = {run.wire.pin for run in runs}
    lines = [*_head(sheet), *_wires(runs), *_header(used), *boxes, *_notes(sheet), "</svg>"]
    return "\n".join(lines) + "\n"


def _text(x: float, y: float, said: str, size: int = 12, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" {more}>{escape(said)}</text>'


def _head(sheet: Sheet) -> list[str]:
    models = ", ".join(_MODELS.get(model, model) for model in sheet.models)
    ports = "    ".join(
        f"{part} [{_MODELS.get(model, model)}] {port}{'…' if port.endswith('/') else ''}"
        for part, by_model in sheet.ports.items()
        for model, port in by_model.items()
    )
    return [
        '<svg xmlns="http://www.w3.org/2000/svg" width="297mm" height="210mm" viewBox="0 0 1120 792"'
        ' font-family="Noto Sans CJK SC, Microsoft YaHei, DejaVu Sans, sans-serif" fill="#212121">',
        '<rect width="1120" height="792" fill="#fff"/>',
        _text(24, 40, f"{sheet.zh} · {sheet.en}", 22, 'font-weight="bold"'),
        _text(24, 62, f"{models} · Xunkong 巡控 · {sheet.role}", 13, 'fill="#555"'),
        _text(24, 80, ports, 11, 'fill="#555"'),
        '<path d="M24 90H1096" stroke="#212121" stroke-width="1.5"/>',
    ]


_MODELS = {"pi3": "Pi 3", "zero2w": "Zero 2 W", "pi4": "Pi 4", "pi5": "Pi 5"}


def _pin_at(pin: int) -> tuple[int, int]:
    return MIDDLE + (14 if pin % 2 == 0 else -14), TOP + 16 + (pin - 1) // 2 * ROW


def _header(used: set[int]) -> list[str]:
    lines = [
        f'<rect x="{MIDDLE - 30}" y="{TOP}" width="60" height="{20 * ROW + 7}" rx="5" fill="#37474f"/>',
        _text(MIDDLE, TOP - 6, "40 针座 · header", 11, 'text-anchor="middle"'),
    ]
    for pin, name in HEADER.items():
        x, y = _pin_at(pin)
        fill = PIN_FILL.get(name, "#c8e6c9") if pin in used else "#fff"
        faint = "" if pin in used else ' fill="#9e9e9e"'
        anchor, label_x = ("start", MIDDLE + 38) if pin % 2 == 0 else ("end", MIDDLE - 38)
        weight = ' font-weight="bold"' if pin in used else ""
        shape = (
            f'<rect x="{x - 10}" y="{y - 10}" width="20" height="20"'
            if pin == 1
            else f'<circle cx="{x}" cy="{y}" r="10"'
        )
        lines += [
            f'{shape} fill="{fill}"/>',
            _text(x, y + 4, str(pin), 11, f'text-anchor="middle"{faint}'),
            _text(label_x, y + 4, name, 11, f'text-anchor="{anchor}"{weight}{faint}'),
        ]
    return lines


def _height(part: Part) -> int:
    return HEAD + TERMINAL * (len(part.wires) + len(part.links)) + 5


def _boxes(sheet: Sheet) -> tuple[list[str], list[Run]]:
    below = {"left": TOP - 6, "right": TOP - 6}
    lines: list[str] = []
    runs: list[Run] = []
    for part in sheet.part:
        top = below[part.side]
        below[part.side] += _height(part) + GAP
        lines += _box(part, top)
        runs += [
            Run(wire, part.side, top + HEAD + TERMINAL * row + 8)
            for row, wire in enumerate(part.wires)
        ]
    return lines, runs


def _box(part: Part, top: int) -> list[str]:
    left = part.side == "left"
    x = 24 if left else EDGE["right"]
    lines = [
        f'<rect x="{x}" y="{top}" width="{BOX_WIDTH}" height="{_height(part)}" rx="6"'
        ' fill="#f5f7fa" stroke="#37474f" stroke-width="1.4"/>',
        _text(x + 10, top + 17, part.zh, 13, 'font-weight="bold"'),
        _text(x + 10, top + 32, part.en, 11, 'fill="#555"'),
    ]
    for row, wire in enumerate(part.wires):
        lines += _terminal(part, wire, top + HEAD + TERMINAL * row + 8)
    first = top + HEAD + TERMINAL * len(part.wires) + 11
    lines += [
        _text(x + 20, first + TERMINAL * row, f"• {link}", 12)
        for row, link in enumerate(part.links)
    ]
    return lines


def _terminal(part: Part, wire: Wire, y: int) -> list[str]:
    left = part.side == "left"
    edge = EDGE[part.side]
    near, far = (edge - 12, edge - 66) if left else (edge + 12, edge + 66)
    anchor = 'text-anchor="end"' if left else 'text-anchor="start"'
    colour = f"{_COLOURS[wire.colour]} {wire.colour}"
    said = f"{colour} → 针 pin {wire.pin} {wire.net}"
    return [
        f'<circle cx="{edge}" cy="{y}" r="5" fill="{INK[wire.colour]}" stroke="#212121"/>',
        _text(near, y + 4, wire.terminal, 12, f'font-weight="bold" {anchor}'),
        _text(far, y + 4, said, 11, anchor),
    ]


_COLOURS = {
    "red": "红",
    "black": "黑",
    "blue": "蓝",
    "green": "绿",
    "yellow": "黄",
    "white": "白",
    "orange": "橙",
    "purple": "紫",
    "grey": "灰",
    "brown": "棕",
}


def _wires(runs: list[Run]) -> list[str]:
    """Wires of one pin lie under one halo, so that their joint shows as a joint, not as a crossing."""
    pins: dict[int, list[tuple[Run, str]]] = {}
    for side, step in (("left", -1), ("right", 1)):
        own = _in_lanes([run for run in runs if run.side == side])
        width = abs(EDGE[side] - OUT[side]) - 22
        for index, run in enumerate(own):
            lane = OUT[side] + step * (8 + width * (index + 0.5) / len(own))
            pins.setdefault(run.wire.pin, []).append((run, _path(run, lane)))
    return [
        line
        for group in pins.values()
        for line in (*(_halo(*one) for one in group), *(_stroke(*one) for one in group))
    ]


def _in_lanes(runs: list[Run]) -> list[Run]:
    """Nearest lane first: rising wires from the top down, falling ones from the bottom up, cross least."""
    falls = [run for run in runs if run.y > _pin_at(run.wire.pin)[1]]
    return [run for run in runs if run not in falls] + falls[::-1]


def _path(run: Run, lane: float) -> str:
    x, y = _pin_at(run.wire.pin)
    own_side = (run.wire.pin % 2 == 0) == (run.side == "right")
    across = f"M{x} {y}V{y + ROW // 2}H{OUT[run.side]}"
    start = f"M{OUT[run.side]} {y}" if own_side else across
    return f"{start}H{lane:g}V{run.y}H{EDGE[run.side]}"


def _halo(run: Run, path: str) -> str:
    colour, width = ("#212121", 4) if run.wire.colour == "white" else ("#fff", 6)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _stroke(run: Run, path: str) -> str:
    width = 2.8 if run.wire.net in POWER else 2.4
    return f'<path d="{path}" fill="none" stroke="{INK[run.wire.colour]}" stroke-width="{width}"/>'


def _notes(sheet: Sheet) -> list[str]:
    lines = ['<path d="M24 668H1096" stroke="#212121"/>']
    for row, note in enumerate(sheet.notes):
        y = 688 + row * 27
        lines += [
            _text(24, y, f"{row + 1}. {note.zh}", 12),
            _text(36, y + 12, note.en, 10, 'fill="#444"'),
        ]
    return lines
