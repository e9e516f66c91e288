"""Looks at a journal without changing it: how it stands, and whether every record is what was written."""

from collections.abc import Iterator

from msgspec import Struct

from device.journal.errors import RottenRow
from device.journal.journal import Journal
from device.journal.logs import LogState
from wire.chain import START, walk
from wire.limits import MAX_RECORD_BYTES
from wire.records import STREAMS, Stream

AT_ONCE = 500


class Finding(Struct, frozen=True):
    """Something wrong with records `first` to `last` of a log."""

    stream: Stream
    log: str
    first: int
    last: int
    what: str


def all_logs(journal: Journal) -> list[LogState]:
    """Every log, events first, oldest first."""
    return [state for stream in STREAMS for state in journal.logs(stream)]


def verify(journal: Journal) -> Iterator[Finding]:
    """What is wrong in any log: rotten rows, missing rows, a chain that does not join, a false head."""
    for state in all_logs(journal):
        yield from _verify_log(journal, state)


def _verify_log(journal: Journal, state: LogState) -> Iterator[Finding]:
    stream, log, seq = state.stream, state.log, state.oldest
    h = START if seq == 1 else None
    while seq <= state.last:
        try:
            found = journal.read(
                stream, log, seq, max_count=AT_ONCE, max_bytes=AT_ONCE * MAX_RECORD_BYTES
            )
        except RottenRow as exc:
            yield Finding(stream, log, seq, exc.seq, "not what was written")
            seq, h = exc.seq + 1, None
            continue
        first = state.last + 1 if found is None else found.first
        if first > seq:
            yield Finding(stream, log, seq, first - 1, "missing")
        elif found and h not in (None, found.prev):
            yield Finding(stream, log, seq, seq, "does not join the record before it")
        seq = first + (len(found.raws) if found else 0)
        h = walk(found.prev, found.raws)[-1] if found else None
    if h not in (None, state.h):
        yield Finding(stream, log, state.last, state.last, "the log's head does not fit")
