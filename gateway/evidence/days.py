"""The daily roots held against the store: what each says of every log, and whether that is still so."""

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from gateway.daily_root import Reached, leaves
from gateway.evidence.removals import Removal
from gateway.evidence.rows import STREAMED, is_log
from gateway.store.heads import Key
from gateway.store.schema import records, root_heads, roots
from wire.batch import decode_record
from wire.evidence.findings import Finding
from wire.evidence.merkle import root
from wire.records import Root
from wire.topics import GATEWAY


class Day(Struct, frozen=True):
    """A root as its record has it; what it covers lies before position `pos`."""

    date: str
    pos: int
    root: str
    logs: int
    log: str
    seq: int


def all_days(connection: Connection) -> list[Day]:
    """The roots that the gateway's own log has, the oldest first."""
    c = records.c
    query = sa.select(c.pos, c.raw, c.log, c.seq).where(
        c.unit == GATEWAY, c.stream == "event", c.kind == "root"
    )
    found = []
    for row in connection.execute(query.order_by(c.pos)):
        said = decode_record(row.raw)
        if isinstance(said, Root):
            found.append(Day(said.date, row.pos, said.root, said.logs, row.log, row.seq))
    return found


def check_days(
    connection: Connection, days: Sequence[Day], forwarded: Mapping[str, str]
) -> Iterator[Finding]:
    """Whether each root is that of the heads kept for it, and the one that was `forwarded` (date to root)."""
    query = sa.select(root_heads).order_by(root_heads.c.date)
    rows = iter(connection.execute(query, execution_options=STREAMED))
    heads: dict[Key, Reached] = {}
    row = next(rows, None)
    for day in days:
        while row is not None and row.date <= day.date:
            heads[row.unit, row.stream, row.log] = (row.last, row.h)
            row = next(rows, None)
        top = root(leaves(heads.items())).hex()
        if (top, len(heads)) != (day.root, day.logs):
            yield Finding(
                "root", day.date, f"record {day.log}/{day.seq} says {day.root}, not {top}"
            )
    yield from _recorded(connection, days)
    held = {day.date: day.root for day in days}
    for date, top in sorted(forwarded.items()):
        if held.get(date) != top:
            yield Finding("root", date, f"{top} was forwarded, {held.get(date)} is here")


def _recorded(connection: Connection, days: Sequence[Day]) -> Iterator[Finding]:
    places = {day.date: day.pos for day in days}
    for row in connection.execute(sa.select(roots).order_by(roots.c.date)):
        if places.get(row.date) != row.pos:
            yield Finding("root", row.date, "its record is not where it was written")


class DayCheck:
    """One log held against all days: told of each record before the walk takes it, and of the end."""

    def __init__(
        self,
        connection: Connection,
        key: Key,
        days: Sequence[Day],
        removed: Sequence[Removal] = (),
    ) -> None:
        """`removed`: what the site's policy took from the log."""
        self._removed = removed
        query = sa.select(root_heads).where(is_log(root_heads, key)).order_by(root_heads.c.date)
        self._noted = connection.execute(query).all()
        self._where = "/".join(key)
        self._days, self._at, self._noted_at = days, 0, 0
        self._head: Reached | None = None
        self._told = False

    def skip_before(self, pos: int) -> None:
        """Days that closed before `pos` are not looked at."""
        while self._at < len(self._days) and self._days[self._at].pos <= pos:
            self._wanted(self._days[self._at])
            self._at += 1

    def before(self, pos: int, head: Reached | None) -> list[Finding]:
        """A record at `pos` follows; `head` is that of the log before it (None: nothing of it is kept)."""
        found = []
        while self._at < len(self._days) and self._days[self._at].pos <= pos:
            day = self._days[self._at]
            self._at += 1
            found += self._check(day, head)
        return found

    def end(self, head: Reached | None) -> list[Finding]:
        """No record follows."""
        return self.before(2**63, head)

    def _wanted(self, day: Day) -> Reached | None:
        while self._noted_at < len(self._noted) and self._noted[self._noted_at].date <= day.date:
            row = self._noted[self._noted_at]
            self._head = (row.last, row.h)
            self._noted_at += 1
        return self._head

    def _check(self, day: Day, head: Reached | None) -> list[Finding]:
        wanted = self._wanted(day)
        if wanted == head or self._told or (head is None and wanted and self._went(wanted)):
            return []
        self._told = True
        first = min(one[0] for one in (wanted, head) if one)
        why = f"{day.date}: {_said(wanted)} in its root, {_said(head)} here"
        return [Finding("day", self._where, why, first, first)]

    def _went(self, wanted: Reached) -> bool:
        """Whether the policy removed the record; where it was the last that went, its chain value is known."""
        last, h = wanted
        return any(
            one.first <= last <= one.last and (last < one.last or h == one.h_last)
            for one in self._removed
        )


def _said(head: Reached | None) -> str:
    return f"record {head[0]} with {head[1].hex()[:16]}" if head else "no record"
