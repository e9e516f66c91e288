"""What a unit sends because an order asked for it: its logs, or what a self-test found. A zlib stream, in pieces.

Pieces go up one at a time and each is answered; the order counts as done when the gateway has the whole. `up/report`
is signed by the unit, `down/report` by the gateway.
"""

import zlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from wire.batch import BadPayload
from wire.limits import END, AtMs, Count, Name

MAX_BYTES = 256 * 1024
"""A whole report, compressed."""

MAX_TEXT_BYTES = 4 * 1024 * 1024
"""And once inflated."""

PIECE_BYTES = 12 * 1024
MAX_LINES = 5_000

Base64 = Annotated[str, Meta(max_length=32 * 1024, pattern=r"^[A-Za-z0-9+/]*={0,2}" + END)]
Total = Annotated[int, Meta(ge=1, le=MAX_BYTES)]
Signature = Annotated[str, Meta(max_length=128)]

Of = Literal["xunkong", "device", "update", "kernel", "network", "time"]
OF: tuple[Of, ...] = ("xunkong", "device", "update", "kernel", "network", "time")
"""Whose lines: all services of ours, one of them, or what the machine itself has to do with our work."""


class Report(Struct, frozen=True, omit_defaults=True):
    """Bytes of the report that `order` asked for, from `offset` on, of `total`; `data` in base64."""

    v: Literal[1]
    order: Name
    offset: Count
    total: Total
    data: Base64
    kid: Name | None = None
    sig: Signature | None = None


class ReportAck(Struct, frozen=True, omit_defaults=True):
    """Of the report that `order` asked for, all bytes below `next` are kept."""

    v: Literal[1]
    order: Name
    next: Count
    kid: Name | None = None
    sig: Signature | None = None


class LogsWanted(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The text of an order `logs`: the newest `lines` of whose, since when (UTC); None: however old."""

    of: Of = "xunkong"
    lines: Annotated[int, Meta(ge=1, le=MAX_LINES)] = 200
    since_ms: AtMs | None = None


def logs_wanted(text: str | None) -> LogsWanted:
    """What an order's text asks for. Raises `BadPayload`."""
    try:
        return msgspec.json.decode(text or "{}", type=LogsWanted)
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise BadPayload(f"the order's text: {exc}") from exc


def packed(text: bytes) -> bytes:
    """`text` as a report; of one too long the newest lines, as many as there is room for."""
    text = text[-MAX_TEXT_BYTES:]
    while len(data := zlib.compress(text, 9)) > MAX_BYTES:
        text = text[len(text) // 4 :]
        text = text[text.find(b"\n") + 1 :]
    return data


def unpacked(data: bytes) -> bytes:
    """The text of a whole report. Raises `BadPayload` for what is none."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_TEXT_BYTES + 1)
    except zlib.error as exc:
        raise BadPayload(f"zlib: {exc}") from exc
    if len(text) > MAX_TEXT_BYTES or not inflater.eof:
        raise BadPayload(f"cut short, or more than {MAX_TEXT_BYTES} bytes")
    return text
