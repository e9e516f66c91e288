"""Why records are missing: by a signed record of their unit, by the site's policy, or by nobody's word."""

from collections.abc import Iterator, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.evidence.removals import Removal
from gateway.evidence.rows import is_log
from gateway.store.heads import Key, trunk
from gateway.store.schema import gaps, records
from wire.batch import decode_record
from wire.evidence.findings import Finding, What
from wire.records import Dropped


def explained(
    connection: Connection, key: Key, finding: Finding, removed: Sequence[Removal] = ()
) -> Iterator[Finding]:
    """A `missing` finding, as what it is: the spans that are declared or `removed`, and those that are not.

    The policy takes a log's beginning only: its word on records in the midst of one does not count.
    """
    if finding.what != "missing" or finding.first is None or finding.last is None:
        yield finding
        return
    at, last = finding.first, finding.last
    counted = [one for one in removed if at == 1 or not one.count]
    spans: list[Dropped | Removal] = [*_declared(connection, key), *counted]
    for one in sorted(spans, key=lambda one: (one.first, -one.last)):
        if one.last < at or one.first > last:
            continue
        if one.first > at:
            yield _undeclared(connection, key, finding, at, one.first - 1)
        end = min(one.last, last)
        what: What = "removed" if isinstance(one, Removal) else "declared"
        yield Finding(what, finding.where, one.why, max(at, one.first), end)
        at = end + 1
    if at <= last:
        yield _undeclared(connection, key, finding, at, last)


def _declared(connection: Connection, key: Key) -> Iterator[Dropped]:
    """What the unit said in its own logs; those are verified like this one."""
    c = records.c
    query = sa.select(c.raw).where(c.unit == key[0], c.stream == "event", c.kind == "dropped")
    for raw in connection.execute(query).scalars():
        said = decode_record(raw)
        if isinstance(said, Dropped) and (said.stream, said.log) == trunk(key)[1:]:
            yield said


def _undeclared(
    connection: Connection, key: Key, finding: Finding, first: int, last: int
) -> Finding:
    query = sa.select(gaps.c.why).where(
        is_log(gaps, trunk(key)), gaps.c.first <= last, gaps.c.last >= first
    )
    why = connection.execute(query).scalar()
    said = f"the store alone says: {why}" if why else ""
    return msgspec.structs.replace(finding, first=first, last=last, why=said)
