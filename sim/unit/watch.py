"""Looks at a unit from outside: its trace, its journal (read beside it), and what the gateway has."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from device.journal.errors import JournalError, RottenRow
from device.journal.inspect import all_logs
from device.journal.journal import Journal
from sim.unit.rhythm import Edge
from wire.batch import decode_record
from wire.limits import MAX_RECORD_BYTES
from wire.records import STREAMS, Alarm, AnyRecord, Record, Unreadable

AT_ONCE = 200


class Kept(Struct, frozen=True):
    """A record as the unit's journal has it."""

    stream: str
    log: str
    seq: int
    record: AnyRecord | Unreadable
    raw: bytes


class Trace:
    """The edges that were added to the trace since the last look."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def news(self) -> list[Edge]:
        """Whole lines only; the rest comes with the next look."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return [msgspec.json.decode(line, type=Edge) for line in whole.splitlines()]


class Records:
    """The records that were kept since the last look; `queue`: not acknowledged yet, by stream."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, int] = {}
        self.queue: dict[str, int] = {}

    def news(self) -> list[Kept]:
        """None while the journal is not there yet, or is just being set up."""
        try:
            journal = Journal.open(self._path, read_only=True)
        except JournalError:
            return []
        try:
            return self._read(journal)
        except (JournalError, RottenRow):
            return []
        finally:
            journal.close()

    def _read(self, journal: Journal) -> list[Kept]:
        found: list[Kept] = []
        queue = dict.fromkeys(STREAMS, 0)
        for state in all_logs(journal):
            queue[state.stream] += max(0, state.durable_last - state.next + 1)
            first = self._seen.get(state.log, 0) + 1
            size = AT_ONCE * MAX_RECORD_BYTES
            read = journal.read(state.stream, state.log, first, max_count=AT_ONCE, max_bytes=size)
            for seq, raw in enumerate(read.raws if read else (), read.first if read else 0):
                found.append(Kept(state.stream, state.log, seq, decode_record(raw), raw))
                self._seen[state.log] = seq
        self.queue = {str(stream): count for stream, count in queue.items()}
        return found


def line(kept: Kept) -> str:
    """One record in one line."""
    record = kept.record
    if isinstance(record, Unreadable):
        return f"{kept.seq:>4} {record.kind or '?'}"
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    own = [name for name in fields if name not in Record.__struct_fields__]
    shown = (fields[name] for name in own if isinstance(fields[name], str | int))
    return f"{kept.seq:>4} {_kind(record)} {' '.join(str(value) for value in shown)}"


def fold_alarms(active: tuple[str, ...], record: Any) -> tuple[str, ...]:
    """The alarms that stand after `record`."""
    if not isinstance(record, Alarm):
        return active
    name = f"{record.alarm} {record.part}" if record.part else record.alarm
    others = tuple(one for one in active if one != name)
    return (*others, name) if record.active else others


def _kind(record: AnyRecord) -> str:
    return str(record.__struct_config__.tag)
