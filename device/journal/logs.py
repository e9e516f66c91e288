"""What the journal knows of each log, in a document of its own: head, acknowledgement, gaps."""

import msgspec

from wire.chain import START
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


class LostSpan(msgspec.Struct, frozen=True):
    """Records that could not be read any more; `h_last` joins what follows, None if nothing does."""

    stream: Stream
    log: str
    first: int
    last: int
    h_last: bytes | None


class LogDocument(msgspec.Struct):
    """A log's document in the table `logs`: written with every record, never derived from the rows."""

    stream: Stream
    log: str
    oldest: int = 1
    last: int = 0
    h: str = START.hex()
    next: int = 1
    store: str | None = None
    sealed: bool = False

    def table(self) -> str:
        """The name of the table of its records."""
        return table_name(self.stream, self.log)


class RowDocument(msgspec.Struct):
    """A record's document: the chain before (`p`) and after it (`h`), and its exact text (`raw`)."""

    p: str
    h: str
    raw: str


def table_name(stream: str, log: str) -> str:
    """The TinyDB table of a log's records."""
    return f"{stream}:{log}"
