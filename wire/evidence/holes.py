"""The holes between a bundle's runs: not asked for, missing by a signed word, or missing and nobody says why."""

from collections.abc import Iterator

from wire.evidence.bundle import Manifest, Run, Span
from wire.evidence.findings import Finding
from wire.evidence.spans import LogKey, Spans, by_log, key_of, split
from wire.records import AnyRecord, Dropped, Removed, Unreadable
from wire.topics import GATEWAY


class Holes:
    """Told of every record in the bundle; then of the manifest."""

    def __init__(self) -> None:
        self._declared: list[Span] = []
        self._removed: dict[LogKey, int] = {}

    def note(self, run: Run, record: AnyRecord | Unreadable) -> None:
        """What a record says of others that are gone."""
        if isinstance(record, Dropped) and run.unit != GATEWAY:
            self._declare(Span(run.unit, record.stream, record.log, record.first, record.last))
        if isinstance(record, Removed) and run.unit == GATEWAY:
            self._note_removed(record)

    def _note_removed(self, said: Removed) -> None:
        if not (said.unit and said.log and said.first and said.last):
            return
        if not said.count:
            self._declare(Span(said.unit, said.what, said.log, said.first, said.last))
            return
        key = (said.unit, said.what, said.log)
        self._removed[key] = max(said.last, self._removed.get(key, 0))

    def _declare(self, span: Span) -> None:
        if span.first <= span.last:
            self._declared.append(span)

    def found(self, manifest: Manifest) -> Iterator[Finding]:
        """Every hole in the logs that were asked for, from their beginning to the last record."""
        asked, declared = manifest.asked, by_log(self._declared)
        unasked = by_log(one for one in manifest.unasked if not asked.is_whole(one.unit))
        there = by_log([*manifest.runs, *manifest.wanted])
        runs = by_log(manifest.runs)
        for key in sorted({key_of(one) for one in manifest.wanted}):
            first = there[key][0][0] if "~" in key[2] else 1
            base = (*key[:2], key[2].partition("~")[0])
            for low, high, is_here in split(runs.get(key, []), first, there[key][-1][1]):
                if is_here:
                    continue
                for at, end, is_known in split(unasked.get(key, []), low, high):
                    if not is_known:
                        yield from self._hole(key, at, end, declared.get(base, []))
                    elif at > first:
                        yield Finding("outside", "/".join(key), "not asked for", at, end)

    def _hole(self, key: LogKey, first: int, last: int, declared: Spans) -> Iterator[Finding]:
        """The policy takes a log's beginning only, so that its last word of a log is on all before it."""
        where, removed = "/".join(key), self._removed.get(key, 0)
        if first == 1 and removed:
            yield Finding("removed", where, "", first, min(last, removed))
            first = removed + 1
        for at, end, is_declared in split(declared, first, last):
            yield Finding("declared" if is_declared else "missing", where, "", at, end)
