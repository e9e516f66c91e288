"""JSON payloads other than batches to frozen types and back, bounded as every payload is."""

from typing import TypeVar

import msgspec

from wire.batch import BadPayload, pack, unpack
from wire.depth import deeper_than
from wire.limits import MAX_DEPTH
from wire.orders import Ack, Refused

T = TypeVar("T")


def encode(message: msgspec.Struct) -> bytes:
    """`message` as a payload: plain JSON, or zlib of it where long."""
    return pack(msgspec.json.encode(message))


def decode(payload: bytes, kind: type[T]) -> T:
    """The `kind` in `payload`. Raises `BadPayload`, naming the field and what is wrong with it."""
    text = unpack(payload)
    if deeper_than(text, MAX_DEPTH + 2):
        raise BadPayload(f"nests deeper than {MAX_DEPTH + 2}")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadPayload(str(exc)) from exc


class _Peek(msgspec.Struct):
    refused: str | None = None


def decode_answer(payload: bytes) -> Ack | Refused:
    """What a gateway said on `down/ack/<stream>`. Raises `BadPayload`."""
    if decode(payload, _Peek).refused is not None:
        return decode(payload, Refused)
    return decode(payload, Ack)
