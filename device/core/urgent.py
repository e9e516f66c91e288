"""The desk of what must not wait: SOS, duress, welfare and order answers ride in the live picture at once.

Each rides along until the gateway has acknowledged its record. An alarm that is not acknowledged is told
again every few seconds, whatever the client still has in hand.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from device.core.desk import Desk, Handler
from device.core.effects import Effect, Save
from device.core.events import Kept
from device.core.moment import Now
from device.core.picture import Picture
from device.core.station import Memory
from device.link.delivery import Delivery
from wire.records import Alarm, AnyRecord, Order

MOST = 16
"""What `wire.live.State.urgent` allows."""

AGAIN_MS = 5_000


class Riding(Struct):
    """A record under way; `log` and `seq` None until it stands in the journal."""

    record: Alarm | Order
    log: str | None = None
    seq: int = 0


class _Note(Struct):
    """The alarms under way, as they are saved: a restart must not silence them."""

    riding: list[Riding] = []


class Urgent(Desk):
    """Knows which urgent records the gateway does not have yet."""

    def __init__(self, picture: Picture, delivery: Delivery) -> None:
        self._picture, self._delivery = picture, delivery
        self._riding: list[Riding] = []
        self._fresh = False
        self._told_ms: int | None = None

    def handlers(self) -> Mapping[type, Handler]:
        return {Kept: self._kept}

    def recall(self, memory: Memory) -> None:
        note = memory.notes.recall("urgent", _Note)
        self._riding = note.riding if note else []

    def add(self, record: Alarm | Order) -> None:
        """This record is being kept, and is told of at once."""
        self._riding.append(Riding(record))
        self._fresh = True
        if len(self._riding) > MOST:
            answers = [riding for riding in self._riding if isinstance(riding.record, Order)]
            self._riding.remove((answers or self._riding)[0])

    def records(self) -> list[AnyRecord]:
        """What the picture carries, oldest first."""
        return [riding.record for riding in self._riding]

    def waits(self, record: Alarm | Order) -> bool:
        """Whether the gateway has not acknowledged `record` yet."""
        return any(riding.record == record for riding in self._riding)

    def pressing(self, up_ms: int) -> bool:
        """Whether the picture must go out now, whatever else is under way; asking marks it as told."""
        alarms = any(isinstance(riding.record, Alarm) for riding in self._riding)
        again = alarms and (self._told_ms is None or up_ms - self._told_ms >= AGAIN_MS)
        due = self._fresh or again
        if due:
            self._fresh, self._told_ms = False, up_ms
        return due

    def due(self, now: Now) -> list[Effect]:
        del now
        left = [riding for riding in self._riding if not self._arrived(riding)]
        if len(left) == len(self._riding):
            return []
        self._riding = left
        self._picture.touch()
        return [self._note()]

    def _arrived(self, riding: Riding) -> bool:
        log = riding.log
        return log is not None and self._delivery.has_arrived("event", log, riding.seq)

    def _kept(self, kept: Kept, now: Now) -> list[Effect]:
        del now
        for riding in self._riding:
            if riding.record is kept.record:
                riding.log, riding.seq = kept.log, kept.seq
                return [self._note()] if isinstance(riding.record, Alarm) else []
        return []

    def _note(self) -> Save:
        alarms = [riding for riding in self._riding if isinstance(riding.record, Alarm)]
        return Save("urgent", msgspec.to_builtins(_Note(alarms)))
