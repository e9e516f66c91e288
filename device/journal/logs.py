"""What the journal knows of each log, in a document of its own: head, acknowledgement, gaps."""

from hashlib import sha256

import msgspec

from wire.chain import START
from wire.limits import Count, Digest, LogId, Seq
from wire.records import Stream


class LogState(msgspec.Struct, frozen=True):
    """One log. `next`: acknowledged below; `durable_last`: on the medium up to it.

    `oldest`: first sequence number still kept (`last + 1` when none is). `h`: chain value at `last`.
    `store`: identity of the gateway's store that acknowledged, None before.
    """

    stream: Stream
    log: str
    oldest: int
    last: int
    h: bytes
    next: int
    store: str | None
    sealed: bool
    durable_last: int


class Entry(msgspec.Struct, frozen=True):
    """Where a record came to stand, and the chain's value after it."""

    stream: Stream
    log: str
    seq: int
    h: bytes


class Slice(msgspec.Struct, frozen=True):
    """Consecutive records of a log: `prev` is the chain's value before `first`."""

    stream: Stream
    log: str
    first: int
    prev: bytes
    raws: tuple[bytes, ...]


class Usage(msgspec.Struct, frozen=True):
    """Bytes on the medium: the file's, those of them that hold something, and the write-ahead log's."""

    file_bytes: int
    live_bytes: int
    wal_bytes: int


class LostSpan(msgspec.Struct, frozen=True):
    """Records that could not be read any more; `h_last` joins what follows, None if nothing does."""

    stream: Stream
    log: str
    first: int
    last: int
    h_last: bytes | None


class LogDocument(msgspec.Struct, forbid_unknown_fields=True):
    """A log's document in the table `logs`: written with every record, never derived from the rows."""

    stream: Stream
    log: LogId
    oldest: Seq = 1
    last: Count = 0
    h: Digest = START.hex()
    next: Seq = 1
    store: str | None = None
    sealed: bool = False

    def table(self) -> str:
        """The name of the table of its records."""
        return table_name(self.stream, self.log)


class RowDocument(msgspec.Struct, forbid_unknown_fields=True):
    """A record's document: number (`n`), the chain before (`p`) and after it (`h`), its exact text (`raw`)."""

    n: int
    p: Digest
    h: Digest
    raw: str

    def whole(self, seq: int) -> bool:
        """Whether it stands at its number, and its text gives the chain value that was written with it."""
        return (
            self.n == seq
            and sha256(bytes.fromhex(self.p) + self.raw.encode()).hexdigest() == self.h
        )


class FixDocument(msgspec.Struct):
    """A fix of the open segment: its exact text."""

    raw: str


def table_name(stream: str, log: str) -> str:
    """The TinyDB table of a log's records."""
    return f"{stream}:{log}"


_decode_row = msgspec.json.Decoder(RowDocument).decode
_decode_fix = msgspec.json.Decoder(FixDocument).decode


def read_row(seq: int, body: str) -> RowDocument | None:
    """The row of record `seq`; None where it is not what was written."""
    try:
        row = _decode_row(body)
    except (msgspec.DecodeError, UnicodeError, TypeError):
        return None
    return row if row.whole(seq) else None


def read_fix(body: str) -> str | None:
    """The text of a fix of the open segment; None where it cannot be read."""
    try:
        return _decode_fix(body).raw
    except (msgspec.DecodeError, UnicodeError, TypeError):
        return None
