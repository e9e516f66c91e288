"""What the journal knows of the time: each record's head is an anchor, so little else has to be written.

The last record with a trusted clock dates its own boot for the next process, and bounds every later
boot from below. Only a unit that has kept no event for ten minutes writes a note beside (144 a day at
most, one small commit each).
"""

from collections.abc import Iterable

from msgspec import Struct

from device.core.clock import TRUSTED, Anchor, Stamp
from wire.records import ClockSource, Record

TAKEN_BACK_MS = 3_600_000
"""A kept time that lies further than this beyond the last one was taken back by a better source."""


class KeptTime(Struct, frozen=True):
    """In `boot` at `up_ms` it was `at_ms` by `clock`; `floor_ms`: the newest UTC that was ever kept."""

    boot: str
    up_ms: int
    at_ms: int
    clock: ClockSource
    clock_err_ms: int | None
    floor_ms: int

    @property
    def anchor(self) -> Anchor:
        """What dates the same boot; of no use in another."""
        return Anchor(self.up_ms, self.at_ms, self.clock, self.clock_err_ms)


def now_kept(boot: str, up_ms: int, stamp: Stamp, floor_ms: int) -> KeptTime | None:
    """The present time as a note; None when no source is trusted."""
    if stamp.at_ms is None or stamp.clock not in TRUSTED:
        return None
    newest_ms = max(stamp.at_ms, floor_ms)
    return KeptTime(boot, up_ms, stamp.at_ms, stamp.clock, stamp.clock_err_ms, newest_ms)


def last_kept(
    newest_first: Iterable[Record], note: KeptTime | None, others_ms: Iterable[int] = ()
) -> KeptTime | None:
    """The last time that was written down: in the events (newest first), or in the note beside them.

    `others_ms`: UTC of tracks and open fixes, which raise the floor. None: never was a time trusted.
    """
    events = list(newest_first)
    last = _last(events, note)
    if last is None:
        return None
    said = [event.at_ms for event in events if event.at_ms is not None and event.clock in TRUSTED]
    held = [last.at_ms, *said, *others_ms, *([note.at_ms, note.floor_ms] if note else [])]
    newest_ms = max(ms for ms in held if ms <= last.at_ms + TAKEN_BACK_MS)
    return KeptTime(last.boot, last.up_ms, last.at_ms, last.clock, last.clock_err_ms, newest_ms)


def _last(newest_first: Iterable[Record], note: KeptTime | None) -> KeptTime | None:
    """A note is younger than each record of its own boot and no later `up_ms`."""
    for event in newest_first:
        if note and event.boot == note.boot and event.up_ms <= note.up_ms:
            return note
        stamp = Stamp(event.at_ms, event.clock, event.clock_err_ms)
        kept = now_kept(event.boot, event.up_ms, stamp, 0)
        if kept:
            return kept
    return note
