"""What of a bundle came by hand: the gateway's own signed word that records were read off a card, and signed then."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from wire.evidence.bundle import Run
from wire.evidence.findings import Finding
from wire.evidence.spans import LogKey, Spans, split
from wire.records import AnyRecord, Imported, Unreadable
from wire.topics import GATEWAY


class Carried(Struct, frozen=True):
    """Records of a log within `first` to `last` came in the file whose SHA-256 is `sha256`."""

    first: int
    last: int
    sha256: str

    def found(self, key: LogKey) -> Finding:
        """As it is told."""
        why = f"in the file {self.sha256[:16]}"
        return Finding("carried", "/".join(key), why, self.first, self.last)


def carried_by(record: AnyRecord | Unreadable) -> tuple[LogKey, Carried] | None:
    """What a record of the gateway's own log says of a log; None where it is about something else."""
    if not isinstance(record, Imported) or record.first > record.last:
        return None
    key = (record.unit, record.what, record.log)
    return key, Carried(record.first, record.last, record.sha256)


class ByHand:
    """Told of every record in the bundle; then of what was asked for."""

    def __init__(self) -> None:
        self._said: list[tuple[LogKey, Carried]] = []

    def note(self, run: Run, record: AnyRecord | Unreadable) -> None:
        """Only the gateway's own word counts."""
        said = carried_by(record) if run.unit == GATEWAY else None
        if said:
            self._said.append(said)

    def found(self, asked: Mapping[LogKey, Spans]) -> Iterator[Finding]:
        """What of the records that were asked for came so."""
        for key, one in self._said:
            if touches(asked.get(key, []), one):
                yield one.found(key)


def touches(spans: Spans, one: Carried) -> bool:
    """Whether a record in `spans` is among them."""
    return any(is_in for _, _, is_in in split(spans, one.first, one.last))
