"""What the journal remembers of the runs before, as the agent takes it; and how each run ends."""

import logging
from collections.abc import Iterator, Sequence

import msgspec

from device.core.kept_time import KeptTime
from device.core.station import Lost, Memory, Notes
from device.core.timekeeper import NOTE
from device.journal.journal import Journal
from device.journal.logs import LogState
from device.known_time import kept_time
from device.link.delivery import Head
from wire.batch import decode_record
from wire.orders import ConfigMessage
from wire.records import STREAMS, Checkin, Crew, Photo, Record, Ref, StopReason, Unreadable
from wire.track import TrackFix

RECENT = 50
"""Records looked through for check-ins that a repeated tap could belong to."""

log = logging.getLogger("xunkong.device")


class _Run(msgspec.Struct):
    """A run: its boot, whether it came to its end in good order, for another software's sake, and the boot of
    the run before it."""

    boot: str
    clean: bool
    before: str | None = None
    update: bool = False


def begin_run(journal: Journal, boot: str) -> StopReason:
    """Notes that a run of this boot began; returns why the one before ended."""
    before = notes_of(journal).recall("run", _Run)
    last_boot = before.boot if before else None
    journal.put_setting("run", {"boot": boot, "clean": False, "before": last_boot})
    if before is None:
        return "first_start"
    if before.clean:
        return "update" if before.update else "clean"
    return "killed" if before.boot == boot else "power_cut"


def end_run(journal: Journal, boot: str, update: bool = False) -> None:
    """Notes that this run came to its end in good order; `update`: for another software's sake."""
    journal.put_setting("run", {"boot": boot, "clean": True, "update": update})


def recall(journal: Journal, last_stop: StopReason) -> Memory:
    """Everything that a new run goes on from."""
    heads = [_head(state) for stream in STREAMS for state in journal.logs(stream)]
    notes, newest = notes_of(journal), _newest(journal)
    run = notes.recall("run", _Run)
    fixes = tuple(_fixes(journal))
    return Memory(
        heads=heads,
        chain=journal,
        last_stop=last_stop,
        config=notes.recall("config", ConfigMessage),
        open_fixes=fixes,
        open_boot=run.before if run else None,
        recent=tuple(r for r in newest if isinstance(r, Checkin | Crew)),
        taps=tuple(_taps(journal)),
        photo_stands=lambda digest: any(_tells_of(raw, digest) for raw in journal.naming(digest)),
        notes=notes,
        kept_time=kept_time(journal, notes.recall(NOTE, KeptTime), fixes),
        lost=tuple(Lost(s.stream, s.log, s.first, s.last, s.h_last) for s in journal.opening.lost),
    )


def _head(state: LogState) -> Head:
    return Head(state.stream, state.log, state.oldest, state.last, state.h, state.next, state.store)


def notes_of(journal: Journal) -> Notes:
    """The settings; one that is not JSON any more counts as never put, or no start would succeed."""
    return Notes(journal.get_setting)


def _fixes(journal: Journal) -> Iterator[TrackFix]:
    for raw in journal.open_fixes():
        try:
            yield msgspec.json.decode(raw, type=TrackFix)
        except msgspec.DecodeError as exc:
            log.error("a fix of the open segment cannot be read (%s); it is left out", exc)


def _taps(journal: Journal) -> Iterator[tuple[Ref, Checkin | Crew]]:
    """The newest taps of the current log, the oldest of them first."""
    log_name = journal.logs("event")[-1].log
    for seq, raw in reversed(journal.recent("event", RECENT)):
        record = decode_record(raw)
        if isinstance(record, Checkin | Crew):
            yield Ref("event", log_name, seq), record


def _tells_of(raw: bytes, digest: str) -> bool:
    record = decode_record(raw)
    return isinstance(record, Photo) and record.sha256 == digest and record.lost is None


def _newest(journal: Journal) -> Sequence[Record | Unreadable]:
    """The newest events, the oldest of them first."""
    return [decode_record(raw) for _, raw in journal.recent("event", RECENT)][::-1]
