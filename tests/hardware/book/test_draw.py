"""The drawings: valid XML, the same each time, and every wire of the table in them."""

import xml.etree.ElementTree as ET

import pytest

from hardware.book.draw import draw
from hardware.book.sheet import sheets

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("sheet", sheets(), ids=lambda sheet: sheet.role)
def test_every_wire_and_note_is_drawn_on_the_page(sheet):
    text = draw(sheet)
    assert text == draw(sheet)
    root = ET.fromstring(text)
    said = {node.text for node in root.iter(f"{SVG}text")}
    wires = [wire for part in sheet.part for wire in part.wires]
    assert all(any(f"pin {w.pin} {w.net}" in line for line in said) for w in wires)
    assert {part.zh for part in sheet.part} | {note.en for note in sheet.notes} <= said
    assert all(float(node.get("y")) < 792 for node in root.iter(f"{SVG}text"))
    boxes = [node for node in root.iter(f"{SVG}rect") if node.get("rx") == "6"]
    assert all(float(b.get("y")) + float(b.get("height")) < 668 for b in boxes)
