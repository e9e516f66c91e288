"""What the journal knows of the time: read from the last records of its newest logs, whatever has rotted."""

from collections.abc import Iterable, Iterator

from device.core.clock import TRUSTED
from device.core.kept_time import KeptTime, last_kept
from device.journal.errors import RottenRow
from device.journal.journal import Journal
from device.journal.logs import LogState
from wire.batch import decode_record
from wire.limits import MAX_RECORD_BYTES
from wire.records import Record, Stream
from wire.track import TrackFix

LOGS, RECENT = 4, 50
"""So many logs of a stream, and records of each, are looked through: after damage the newest is empty."""


def kept_time(
    journal: Journal, note: KeptTime | None, fixes: Iterable[TrackFix] = ()
) -> KeptTime | None:
    """The last time that the journal knows of, by events, note, tracks and open fixes; None: of none."""
    tracks = [r.at_ms for r in _newest(journal, "track") if r.at_ms and r.clock in TRUSTED]
    open_ms = [fix.at_ms for fix in fixes if fix.at_ms is not None]
    return last_kept(newest_events(journal), note, [*tracks, *open_ms])


def newest_events(journal: Journal) -> Iterator[Record]:
    """The last events, newest first."""
    return _newest(journal, "event")


def _newest(journal: Journal, stream: Stream) -> Iterator[Record]:
    """The last records of the stream's newest logs, newest first; what cannot be read is passed over."""
    for state in journal.logs(stream)[: -LOGS - 1 : -1]:
        raws = _readable(journal, state)
        records = (decode_record(raw) for raw in reversed(raws))
        yield from (record for record in records if isinstance(record, Record))


def _readable(journal: Journal, state: LogState) -> list[bytes]:
    raws: list[bytes] = []
    seq = max(state.oldest, state.last - RECENT + 1)
    while seq <= state.last:
        try:
            found = journal.read(
                state.stream, state.log, seq, max_count=RECENT, max_bytes=RECENT * MAX_RECORD_BYTES
            )
        except RottenRow as exc:
            seq = exc.seq + 1
            continue
        if found is None:
            break
        raws += found.raws
        seq = found.first + len(found.raws)
    return raws
