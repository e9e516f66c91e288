"""What is in a bundle of evidence: one zip, whose manifest names every part by its hash and is signed by the gateway.

    manifest.json            what is in it, and each part's SHA-256
    manifest.sig             the gateway's signature of the manifest's bytes
    ca.crt                   the site's authority, to be compared with the one that the reader has
    certificates/<n>.der     of the keys that signed
    records/<n>.jsonl        a run of one log: a record a line, its exact bytes as text
    photos/<sha256>.jpg

It proves itself to whoever has the authority's certificate, with no gateway and no store.
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from wire.evidence.merkle import MAX_PATH
from wire.evidence.walk import Kept
from wire.keys import SIG_CHARS
from wire.limits import AtMs, BranchId, Count, DateText, Digest, Name, Seq, Text, UnitName

MANIFEST, SIGNATURE, AUTHORITY = "manifest.json", "manifest.sig", "ca.crt"
MAX_PARTS = 50_000
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 8 * 1024 * 1024
PartName = Annotated[
    str, Meta(pattern=r"^(ca\.crt|(certificates|records|photos)/[0-9a-z]{1,64}\.[a-z]{3,5})$(?!\n)")
]
"""What a part may be called: nothing that leads out of a folder."""

StreamName = Annotated[str, Meta(pattern=r"^(event|track)$(?!\n)")]

PREFIX = b"xk1|evidence|"
"""Stands before the manifest's bytes in what is signed."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part's hash and size."""

    sha256: Digest
    bytes: Count


class Span(Struct, frozen=True):
    """Records of one log that were asked for."""

    unit: UnitName
    stream: StreamName
    log: BranchId
    first: Seq
    last: Seq


class Choice(Struct, frozen=True):
    """What is asked for, all of it together. Times are UTC ms, from (included) to (not); None: without end."""

    unit: UnitName | None = None
    from_ms: AtMs | None = None
    to_ms: AtMs | None = None
    incident: Text | None = None
    ids: tuple[Text, ...] = ()

    def __str__(self) -> str:
        said = [f"unit {self.unit}"] if self.unit else []
        said += [f"from {_utc(self.from_ms)}"] if self.from_ms is not None else []
        said += [f"to {_utc(self.to_ms)}"] if self.to_ms is not None else []
        said += [f"incident {self.incident}"] if self.incident else []
        return ", ".join([*said, *self.ids])[:200]

    def is_whole(self, unit: str) -> bool:
        """Whether all that there is of `unit` is asked for."""
        return unit == self.unit and self.from_ms is None and self.to_ms is None


class Run(Struct, frozen=True):
    """Consecutive records of one log that lie in `part`; `prev`: the chain's value before them (None: not kept)."""

    unit: UnitName
    stream: StreamName
    log: BranchId
    first: Seq
    last: Seq
    prev: Digest | None
    part: PartName

    @property
    def where(self) -> str:
        """The log, as findings name it."""
        return f"{self.unit}/{self.stream}/{self.log}"


class Paper(Struct, frozen=True):
    """A certificate of a key that signed; `revoked_ms` None: it was not revoked when the bundle was made."""

    kid: Name
    part: PartName
    revoked_ms: AtMs | None


class Picture(Struct, frozen=True):
    """A photo that the records announced. `part` None: it is not in it, and `why`."""

    sha256: Digest
    part: PartName | None
    why: Text | None = None


class Proof(Struct, frozen=True):
    """That a log's head stands in a day's root: its place in the tree, and its neighbours' hashes."""

    unit: UnitName
    stream: StreamName
    log: BranchId
    last: Seq
    index: Count
    path: Annotated[list[Digest], Meta(max_length=MAX_PATH)]


class DayRoot(Struct, frozen=True):
    """A daily root over `logs` logs; its record is `seq` of the gateway's own `log`, in the bundle too."""

    date: DateText
    log: BranchId
    seq: Seq
    logs: Count
    proofs: list[Proof]


class Manifest(Struct, frozen=True):
    """The bundle's table of contents. `store`: of which store.

    `wanted`: the records that `asked` asks for; `unasked`: those of the same logs that it does not ask for, which
    the store has and the bundle has not. What is in neither of them nor in a run is missing.
    """

    v: Literal[1]
    made_ms: AtMs
    store: Name
    asked: Choice
    wanted: list[Span]
    unasked: list[Span]
    runs: list[Run]
    certificates: list[Paper]
    photos: list[Picture]
    roots: list[DayRoot]
    parts: dict[PartName, Part]


class Signature(Struct, frozen=True):
    """By whom the manifest is signed."""

    kid: Name
    sig: Annotated[str, Meta(max_length=SIG_CHARS)]


class Line(Struct, frozen=True, omit_defaults=True):
    """A record in a run: `text`, or `base64` of its bytes where they are no UTF-8. The rest as in `Kept`."""

    seq: Seq
    h: Digest
    received_ms: AtMs | None
    text: str | None = None
    base64: str | None = None
    batch_first: Seq | None = None
    batch_prev: Digest | None = None
    kid: Name | None = None
    sig: Annotated[str, Meta(max_length=128)] | None = None


class BadBundle(ValueError):
    """Bytes that are no bundle; the text says what is wrong."""


def line_of(row: Kept) -> bytes:
    """A record as a line of a run."""
    try:
        text, b64 = row.raw.decode("utf-8"), None
    except UnicodeDecodeError:
        text, b64 = None, b64encode(row.raw).decode("ascii")
    line = Line(
        seq=row.seq,
        h=row.h.hex(),
        received_ms=row.received_ms,
        text=text,
        base64=b64,
        batch_first=row.batch_first,
        batch_prev=row.batch_prev.hex() if row.batch_prev else None,
        kid=row.kid,
        sig=row.sig,
    )
    return msgspec.json.encode(line) + b"\n"


def kept_of(line: bytes) -> Kept:
    """The record that a line has. Raises `BadBundle`."""
    try:
        one = msgspec.json.decode(line, type=Line)
        raw = _raw(one)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise BadBundle(f"a line is no record: {exc}") from exc
    return Kept(
        seq=one.seq,
        raw=raw,
        h=bytes.fromhex(one.h),
        received_ms=one.received_ms,
        batch_first=one.batch_first,
        batch_prev=bytes.fromhex(one.batch_prev) if one.batch_prev else None,
        kid=one.kid,
        sig=one.sig,
    )


def _utc(at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"


def _raw(one: Line) -> bytes:
    if one.text is not None:
        return one.text.encode("utf-8")
    return b64decode(one.base64 or "", validate=True)
