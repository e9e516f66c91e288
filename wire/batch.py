"""Records to bytes and back: one record's JSON, and a batch of them, plain or compressed.

A payload that starts with `{` is plain JSON, one that starts with 0x78 a zlib stream of it (RFC
1950). Whatever arrives is bounded before it is parsed: size, inflated size, depth, count, strings.
"""

import zlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from wire import chain
from wire.depth import deeper_than
from wire.limits import (
    MAX_DEPTH,
    MAX_INFLATED_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    Digest,
    LogId,
    Name,
    Seq,
)
from wire.records import KINDS, AnyRecord, Record, Stream, Unreadable

COMPRESS_FROM_BYTES = 400
"""Below this a zlib stream saves nothing worth its time."""

ZLIB_LEVEL, ZLIB_STRATEGY = 6, zlib.Z_FILTERED
"""Digits of positions repeat by chance: `Z_FILTERED` spends no code on such short repeats, which makes
track batches 5 % smaller and others no larger. Level 9 takes twice as long for 1 % more."""


class BadPayload(ValueError):
    """A payload that is not of the contract; the text says what is wrong with it."""


class Envelope(Struct, frozen=True, omit_defaults=True):
    """A batch as it stands on the wire: `records` are the records' exact bytes."""

    v: Literal[1]
    log: LogId
    first: Seq
    prev: Digest
    records: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_RECORDS)]
    kid: Name | None = None
    sig: Annotated[str, Meta(max_length=128)] | None = None


class Batch(Struct, frozen=True):
    """Consecutive records of one log, with the chain's value before them and after each.

    `raws`: the records' exact bytes; `prev`: 32 bytes; `hs`: 32 bytes after each record. `kid` and
    `sig` are None where unsigned.
    """

    log: str
    first: int
    prev: bytes
    raws: tuple[bytes, ...]
    hs: tuple[bytes, ...]
    kid: str | None = None
    sig: str | None = None

    @property
    def last(self) -> int:
        """The sequence number of the last record."""
        return self.first + len(self.raws) - 1

    def signed_text(self, unit: str, stream: Stream) -> bytes:
        """What the batch's signature covers."""
        return chain.signed_text(
            unit, stream, self.log, self.first, self.prev, len(self.raws), self.hs[-1]
        )


_encoder = msgspec.json.Encoder()
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_record = msgspec.json.Decoder(AnyRecord).decode
_decode_any = msgspec.json.Decoder().decode
_TAGS = frozenset(kind.__struct_config__.tag for kind in KINDS)


def encode_record(record: Record) -> bytes:
    """One record as JSON, UTF-8, keys in the order of its type."""
    return _encoder.encode(record)


def decode_record(raw: bytes) -> AnyRecord | Unreadable:
    """The record in `raw`; what cannot be read comes back as `Unreadable`, never as an exception."""
    if len(raw) > MAX_RECORD_BYTES:
        return Unreadable(None, f"{len(raw)} bytes, more than {MAX_RECORD_BYTES}", None)
    if deeper_than(raw, MAX_DEPTH):
        return Unreadable(None, f"nests deeper than {MAX_DEPTH}", None)
    try:
        record: AnyRecord = _decode_record(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        return _unreadable(raw, str(exc))
    return record


def _unreadable(raw: bytes, why: str) -> Unreadable:
    try:
        fields: Any = _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unreadable(None, why, None)
    if not isinstance(fields, dict):
        return Unreadable(None, why, None)
    kind = fields.get("kind")
    if not isinstance(kind, str):
        return Unreadable(None, why, fields)
    return Unreadable(kind, why if kind in _TAGS else None, fields)


def encode_batch(
    log: str,
    first: int,
    prev: bytes,
    raws: Sequence[bytes],
    signature: tuple[str, str] | None = None,
) -> bytes:
    """A batch's payload, compressed where that saves: `raws` are put in exactly as they are."""
    kid, sig = signature or (None, None)
    envelope = Envelope(1, log, first, prev.hex(), [Raw(raw) for raw in raws], kid, sig)
    return pack(_encoder.encode(envelope))


def decode_batch(payload: bytes) -> Batch:
    """The batch in `payload`. Raises `BadPayload`, naming what is wrong; looks into no record."""
    text = unpack(payload)
    if deeper_than(text, MAX_DEPTH + 2):
        raise BadPayload(f"nests deeper than {MAX_DEPTH + 2}")
    try:
        envelope = _decode_envelope(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadPayload(str(exc)) from exc
    raws = tuple(bytes(raw) for raw in envelope.records)
    prev = bytes.fromhex(envelope.prev)
    if envelope.first == 1 and prev != chain.START:
        raise BadPayload("`prev` before record 1 is not 64 zeros")
    hs = tuple(chain.walk(prev, raws))
    return Batch(envelope.log, envelope.first, prev, raws, hs, envelope.kid, envelope.sig)


def pack(text: bytes) -> bytes:
    """`text` (JSON) as a payload: zlib where it is long enough to gain by it."""
    if len(text) < COMPRESS_FROM_BYTES:
        return text
    deflater = zlib.compressobj(ZLIB_LEVEL, strategy=ZLIB_STRATEGY)
    packed = deflater.compress(text) + deflater.flush()
    return packed if len(packed) < len(text) else text


def unpack(payload: bytes) -> bytes:
    """The JSON text in `payload`. Raises `BadPayload` for one too large, torn, or neither form."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise BadPayload(f"{len(payload)} bytes, more than {MAX_PAYLOAD_BYTES}")
    if payload[:1] == b"{":
        return payload
    if payload[:1] != b"\x78":
        raise BadPayload("starts with neither { nor 0x78 (zlib)")
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload, MAX_INFLATED_BYTES + 1)
    except zlib.error as exc:
        raise BadPayload(f"zlib: {exc}") from exc
    if len(text) > MAX_INFLATED_BYTES:
        raise BadPayload(f"inflates to more than {MAX_INFLATED_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise BadPayload("zlib stream is cut short or has bytes after its end")
    return text
