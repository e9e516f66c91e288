"""A journal as the messages that its unit would send: batches of all that is there, signed by the unit's key.

What cannot be read any more is declared as the unit would declare it, in a log of its own, whose name and records
follow from what is lost: exported again, they are the same. The unit, if it ever runs again, knows nothing of this
log, finds the same damage, and declares it in its own.
"""

import secrets
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Any

from device.journal.errors import RottenRow
from device.journal.inspect import all_logs
from device.journal.journal import Journal
from device.journal.logs import LogState, LostSpan, Slice
from device.papers import Papers
from wire import codec, topics
from wire.batch import encode_batch, encode_record
from wire.carried import CarriedWriter
from wire.chain import START, signed_text, walk
from wire.live import Hello, LogHead
from wire.records import Alarm, Dropped, Stream

MAX_COUNT, MAX_BATCH_BYTES = 500, 128 * 1024
"""Of a batch: below what the gateway takes, whatever is in it."""

HELLO_LOGS = 64
"""That one greeting may name; more logs take more greetings."""

NO_BOOT = "00000000"
"""The boot of what is declared here: it happened in none of the unit's."""

FIRST, LOST = 1000, 500
"""The numbers of the first batch, and of the first that says what is lost; greetings stand before both."""


class Messages:
    """Of one journal. `progress` hears of how many records are done, of how many."""

    def __init__(
        self,
        papers: Papers,
        journal: Journal,
        writer: CarriedWriter,
        progress: Callable[[int, int], None],
    ) -> None:
        """`papers` were loaded."""
        held = papers.load()
        self._papers, self._unit, self._cert = papers, held.name, held.text
        self._journal, self._writer, self._progress = journal, writer, progress
        self.records = self.logs = 0
        self._lost: list[LostSpan] = []

    @property
    def lost(self) -> int:
        """How many records could not be read, of those that the gateway has not acknowledged."""
        return sum(span.last - span.first + 1 for span in self._lost)

    def write(self) -> None:
        """Writes them all."""
        logs = [state for state in all_logs(self._journal) if state.oldest <= state.last]
        self.logs = len(logs)
        total = sum(state.last - state.oldest + 1 for state in logs)
        for number, part in enumerate(chain.from_iterable(map(self._slices, logs)), FIRST):
            self._put(number, part)
            self._progress(self.records, total)
        heads = [LogHead(one.stream, one.log, one.oldest, one.last, one.h.hex()) for one in logs]
        self._greet(heads + self._declare(self._journal.opening.cut))

    def _slices(self, state: LogState) -> Iterator[Slice]:
        """A log's records as far as they are what was written; what lies between is noted as lost."""
        seq = gap = state.oldest
        while seq <= state.last:
            try:
                found = self._journal.read(
                    state.stream,
                    state.log,
                    seq,
                    max_count=MAX_COUNT,
                    max_bytes=MAX_BATCH_BYTES,
                )
            except RottenRow as exc:
                seq = exc.seq + 1
                continue
            if found is None:
                break
            self._note_lost(state, gap, found.first - 1, found.prev)
            yield found
            seq = gap = found.first + len(found.raws)
        self._note_lost(state, gap, state.last, state.h)

    def _note_lost(self, state: LogState, first: int, last: int, h_last: bytes) -> None:
        """Of what the gateway does not have: as the unit itself would."""
        first = max(first, state.next)
        if first <= last:
            self._lost.append(LostSpan(state.stream, state.log, first, last, h_last))

    def _put(self, number: int, part: Slice) -> None:
        payload = self._batch(part.stream, part.log, part.first, part.prev, part.raws)
        self._writer.message(number, part.stream, payload)
        self.records += len(part.raws)

    def _batch(
        self, stream: Stream, log: str, first: int, prev: bytes, raws: tuple[bytes, ...]
    ) -> bytes:
        h_last = walk(prev, raws)[-1]
        text = signed_text(self._unit, stream, log, first, prev, len(raws), h_last)
        return encode_batch(log, first, prev, raws, (self._papers.kid, self._papers.sign(text)))

    # What stands before them

    def _declare(self, cut: str | None) -> list[LogHead]:
        """What is lost, in a log of its own; its head."""
        raws = tuple(_declarations(self._lost, cut))
        if not raws:
            return []
        name = sha256(b"\n".join((f"exported|{self._unit}".encode(), *raws))).hexdigest()[:16]
        for at in range(0, len(raws), MAX_COUNT):
            prev = walk(START, raws[:at])[-1] if at else START
            payload = self._batch("event", name, at + 1, prev, raws[at : at + MAX_COUNT])
            self._writer.message(LOST + at // MAX_COUNT, "event", payload)
        self.records += len(raws)
        return [LogHead("event", name, 1, len(raws), walk(START, raws)[-1].hex())]

    def _greet(self, heads: list[LogHead]) -> None:
        topic = topics.hello(self._unit)
        for number, at in enumerate(range(0, max(1, len(heads)), HELLO_LOGS)):
            some = heads[at : at + HELLO_LOGS]
            hello = Hello(1, secrets.token_hex(16), NO_BOOT, some, self._cert)
            payload = codec.encode_signed(hello, topic, self._papers)
            self._writer.message(number, "hello", payload)


def _declarations(lost: list[LostSpan], cut: str | None) -> Iterator[bytes]:
    """Records of what is gone. Nothing in them is of now: exported again, they are the same."""
    if cut:
        what = (
            f"found at an export of the card: records may be missing at the end of its logs: {cut}"
        )
        yield encode_record(Alarm(**_HEAD, alarm="storage", what=what[:500], part="journal"))
    for span in lost:
        yield encode_record(
            Dropped(
                **_HEAD,
                stream=span.stream,
                log=span.log,
                first=span.first,
                last=span.last,
                h_last=span.h_last.hex() if span.h_last else None,
                why="could not be read when the card was exported",
            )
        )


_HEAD: dict[str, Any] = {
    "boot": NO_BOOT,
    "up_ms": 0,
    "at_ms": None,
    "clock": "none",
    "clock_err_ms": None,
}
