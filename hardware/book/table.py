"""A role's pin table as Markdown, for reading beside the drawing."""

from hardware.book.sheet import Sheet


def table(sheet: Sheet) -> str:
    """The table by physical pin; the same text for the same data."""
    rows = sorted(
        (wire.pin, wire.net, part.en, part.zh, wire.terminal, wire.colour)
        for part in sheet.part
        for wire in part.wires
    )
    lines = [
        f"# {sheet.zh} · {sheet.en}",
        "",
        "| 针 pin | BCM | 部件 part | 端子 terminal | 线色 colour |",
        "|---|---|---|---|---|",
        *(
            f"| {pin} | {net} | {zh} · {en} | {terminal} | {colour} |"
            for pin, net, en, zh, terminal, colour in rows
        ),
        "",
        *(f"- {part.zh} · {part.en}: {link}" for part in sheet.part for link in part.links),
    ]
    ports = [
        f"- `[{part}] port` ({model}): `{port}`"
        for part, by_model in sheet.ports.items()
        for model, port in by_model.items()
    ]
    return "\n".join([*lines, *ports]) + "\n"
