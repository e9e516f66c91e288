"""JSON payloads other than batches to frozen types and back, bounded as every payload is; signed where they are.

A signed message ends in `,"sig":"<86 characters>"}`. What the signature covers is `xk1|<topic>|` and all of
the message's bytes before that end, as they travelled (a zlib payload's once inflated): so it holds for
one unit and one kind of message only, and nothing is ever encoded anew to be checked.
"""

import re
from typing import Generic, NamedTuple, TypeVar

import msgspec

from wire.batch import BadPayload, pack, unpack
from wire.chain import Signer
from wire.depth import deeper_than
from wire.limits import MAX_DEPTH
from wire.live import Hello
from wire.orders import Ack, CertGrant, CertRequest, ConfigMessage, OrderMessage, PhotoAck, Refused
from wire.report import Report, ReportAck

T = TypeVar("T")
Signable = TypeVar(
    "Signable",
    Ack,
    PhotoAck,
    Refused,
    ConfigMessage,
    OrderMessage,
    Hello,
    CertRequest,
    CertGrant,
    Report,
    ReportAck,
)
AnySignable = (
    Ack
    | PhotoAck
    | Refused
    | ConfigMessage
    | OrderMessage
    | Hello
    | CertRequest
    | CertGrant
    | Report
    | ReportAck
)
_END = re.compile(rb',"sig":"([A-Za-z0-9_-]{86})"}\Z')


class Signed(NamedTuple, Generic[T]):
    """A message as it came. `text`: what `sig` covers; None both, where it bears no signature."""

    message: T
    text: bytes
    kid: str | None
    sig: str | None


def encode(message: msgspec.Struct) -> bytes:
    """`message` as a payload: plain JSON, or zlib of it where long."""
    return pack(msgspec.json.encode(message))


def encode_signed(message: AnySignable, topic: str, signer: Signer) -> bytes:
    """`message` as a payload for `topic`, with its signature."""
    body = msgspec.json.encode(msgspec.structs.replace(message, kid=signer.kid, sig=None))[:-1]
    sig = signer.sign(_covered(topic, body))
    return pack(body + b',"sig":"' + sig.encode("ascii") + b'"}')


def _covered(topic: str, body: bytes) -> bytes:
    return b"xk1|" + topic.encode() + b"|" + body


def decode(payload: bytes, kind: type[T]) -> T:
    """The `kind` in `payload`. Raises `BadPayload`, naming the field and what is wrong with it."""
    return _decode_text(unpack(payload), kind)


def _decode_text(text: bytes, kind: type[T]) -> T:
    if deeper_than(text, MAX_DEPTH + 2):
        raise BadPayload(f"nests deeper than {MAX_DEPTH + 2}")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadPayload(str(exc)) from exc


def decode_signed(payload: bytes, topic: str, kind: type[Signable]) -> Signed[Signable]:
    """The `kind` that came on `topic`, with what is to be checked. Raises `BadPayload`."""
    return _with_signature(unpack(payload), topic, kind)


def _with_signature(text: bytes, topic: str, kind: type[Signable]) -> Signed[Signable]:
    message = _decode_text(text, kind)
    end = _END.search(text)
    if end is None:
        return Signed(message, b"", message.kid, None)
    body = text[: end.start()]
    return Signed(message, _covered(topic, body), message.kid, end.group(1).decode("ascii"))


class _Peek(msgspec.Struct):
    refused: str | None = None


def decode_answer(payload: bytes, topic: str) -> Signed[Ack] | Signed[Refused]:
    """What a gateway said on `down/ack/<stream>`. Raises `BadPayload`."""
    text = unpack(payload)
    if _decode_text(text, _Peek).refused is not None:
        return _with_signature(text, topic, Refused)
    return _with_signature(text, topic, Ack)


def decode_photo_answer(payload: bytes, topic: str) -> Signed[PhotoAck] | Signed[Refused]:
    """What a gateway said on `down/ack/photo`. Raises `BadPayload`."""
    text = unpack(payload)
    if _decode_text(text, _Peek).refused is not None:
        return _with_signature(text, topic, Refused)
    return _with_signature(text, topic, PhotoAck)
