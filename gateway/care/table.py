"""A table for a terminal: columns as wide as what stands in them, where a Chinese character takes two places."""

from collections.abc import Sequence
from unicodedata import east_asian_width

from wire.words import printable

GAP = "  "


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, `heads` first; what came from elsewhere says nothing to the terminal."""
    lines = [[printable(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return [GAP.join(map(_filled, line, widths)).rstrip() for line in lines]


def width(text: str) -> int:
    """How many places of a terminal `text` takes."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _filled(text: str, to: int) -> str:
    return text + " " * (to - width(text))
