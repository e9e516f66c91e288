"""The bounds on every size, depth and number of the contract, in one place."""

from typing import Annotated

from msgspec import Meta

MAX_PAYLOAD_BYTES = 256 * 1024
"""A payload as it arrives from the broker, compressed or plain."""

MAX_INFLATED_BYTES = 1024 * 1024
"""A zlib payload once inflated (wire contract: 1 MiB)."""

MAX_RECORDS = 1000
"""Records in a batch."""

MAX_PHOTO_BYTES = 32 * 1024 * 1024
"""A photo's file."""

MAX_CHUNK_BYTES = 64 * 1024
"""What one message carries of a photo."""

MAX_DEPTH = 8
"""Nesting of JSON objects and arrays, counted from the payload's outermost."""

MAX_FIXES = 60
"""Fixes in a track segment."""

MAX_RECORD_BYTES = 64 * 1024
"""One record's JSON bytes."""

END = r"$(?!\n)"
"""The end of a pattern. In Python a bare `$` also matches before a last line feed."""

SafeInt = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seq = Annotated[int, Meta(ge=1, le=2**53)]
"""A record's place in its log, from 1."""

MAX_AT_MS = 4_102_444_800_000
"""The year 2100."""

AtMs = Annotated[int, Meta(ge=0, le=MAX_AT_MS)]
"""UTC in milliseconds since 1970, before the year 2100."""

Name = Annotated[str, Meta(max_length=64)]
"""An identifier from the city's own books: a person, a place, a badge, a reason's code."""

MAX_TEXT = 500
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
"""A line that a person wrote or reads."""

UnitName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}" + END)]
BootId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}" + END)]
"""The first eight hex digits of the kernel's boot id."""

LogId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}" + END)]
"""One journal file's log, drawn at random when it began."""

BranchId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}(~[0-9a-f]{8})?" + END)]
"""A log as the gateway names it: a fork bears the first eight hex digits of its first differing h."""

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}" + END)]
"""A SHA-256 value in lower-case hex."""

DateText = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}" + END)]
"""A day, as ISO 8601 writes it."""

CertText = Annotated[str, Meta(max_length=2732, pattern=r"^[A-Za-z0-9+/]+={0,2}" + END)]
"""A certificate: DER of at most 2,048 bytes, in base64."""

Uid = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){4,10}" + END)]
"""A card's UID in lower-case hex: 4, 7 or 10 bytes."""

CardDigest = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}" + END)]
"""A card as a unit's roster names it: see `wire.cards.digest`."""

Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Metres = Annotated[float, Meta(ge=0, le=1e7)]
