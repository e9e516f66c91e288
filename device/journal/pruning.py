"""When acknowledged records may go: marks of what was acknowledged by when, and the rows below them."""

from collections.abc import Callable
from typing import Any

from device.journal.logs import LogDocument
from device.journal.tinydb_sqlite import sql_name

PRUNE_AT_ONCE = 2_000
DAY_MS = 86_400_000
Run = Callable[..., Any]
"""`sqlite3.Connection.execute`, inside the caller's transaction."""


def mark(run: Run, log: LogDocument, now_utc_ms: int) -> None:
    """Notes that all below the log's `next` is acknowledged by now."""
    newest = run("SELECT max(next) FROM marks WHERE log = ?", (log.log,)).fetchone()[0]
    if log.next > (newest or 1):
        values = (log.log, log.next, now_utc_ms)
        run("INSERT INTO marks (log, next, utc_ms) VALUES (?, ?, ?)", values)


def due(run: Run, log: LogDocument, now_utc_ms: int, keep_days: float) -> int:
    """The first sequence number that must stay: a bounded number of records beyond the oldest."""
    old = run(
        "SELECT max(next) FROM marks WHERE log = ? AND utc_ms <= ?",
        (log.log, now_utc_ms - int(keep_days * DAY_MS)),
    ).fetchone()[0]
    return bounded(log, min(old or 1, log.next))


def bounded(log: LogDocument, upto: int) -> int:
    """Below which number to remove at one go, where all below `upto` may go."""
    return min(upto, log.last + 1, log.oldest + PRUNE_AT_ONCE)


def remove(run: Run, log: LogDocument, upto: int) -> int:
    """Removes the records below `upto`, and the marks that are spent; returns how many records."""
    gone: int = run(f"DELETE FROM {sql_name(log.table())} WHERE doc_id < ?", (upto,)).rowcount
    log.oldest = upto
    run("DELETE FROM marks WHERE log = ? AND next < ?", (log.log, upto))
    return gone
