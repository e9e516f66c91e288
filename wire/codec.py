"""JSON payloads other than batches to frozen types and back, bounded as every payload is."""

from typing import TypeVar

import msgspec

from wire.batch import BadPayload, pack, unpack
from wire.chain import Signer
from wire.depth import deeper_than
from wire.limits import MAX_DEPTH
from wire.live import Hello
from wire.orders import Ack, ConfigMessage, OrderMessage, PhotoAck, Refused

T = TypeVar("T")
Signed = Ack | PhotoAck | Refused | ConfigMessage | OrderMessage | Hello
Signable = TypeVar("Signable", Ack, PhotoAck, Refused, ConfigMessage, OrderMessage, Hello)


def encode(message: msgspec.Struct) -> bytes:
    """`message` as a payload: plain JSON, or zlib of it where long."""
    return pack(msgspec.json.encode(message))


def signed_text(message: Signed) -> bytes:
    """What a message's signature covers: its JSON with `kid` and `sig` left out."""
    return msgspec.json.encode(msgspec.structs.replace(message, kid=None, sig=None))


def sign(message: Signable, signer: Signer) -> Signable:
    """`message` with its signature, or as it is where no key is in use."""
    signature = signer.sign(signed_text(message))
    if signature is None:
        return message
    return msgspec.structs.replace(message, kid=signature[0], sig=signature[1])


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


def decode_photo_answer(payload: bytes) -> PhotoAck | Refused:
    """What a gateway said on `down/ack/photo`. Raises `BadPayload`."""
    if decode(payload, _Peek).refused is not None:
        return decode(payload, Refused)
    return decode(payload, PhotoAck)
