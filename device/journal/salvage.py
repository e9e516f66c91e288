"""A damaged journal: set aside, never deleted, and read from both ends for what is still whole."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from device.journal.logs import LogDocument, LostSpan, RowDocument, table_name
from device.journal.tinydb_sqlite import PREFIX, readable, sql_name

Row = tuple[int, str]
SoundRow = tuple[int, str, RowDocument]


class Salvaged(msgspec.Struct):
    """What was read: the logs (sealed), their rows, and what is missing between them."""

    logs: list[LogDocument] = []
    rows: list[tuple[str, str, list[Row]]] = []
    lost: list[LostSpan] = []
    open_fixes: list[str] = []
    settings: list[tuple[str, str]] = []


def set_aside(path: Path) -> Path:
    """Renames what is there of the file and its write-ahead log to `<name>.corrupt-<UTC>`; returns the new path."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def salvage(path: Path) -> Salvaged:
    """Reads what can be read. Never raises for what cannot."""
    found = Salvaged()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.text_factory = readable
        for log in _logs(connection):
            rows = _sound(_both_ends(connection, sql_name(table_name(log.stream, log.log))))
            log.sealed = True
            _mend_head(log, rows)
            found.logs.append(log)
            found.rows.append((log.stream, log.log, [(seq, body) for seq, body, _ in rows]))
            found.lost += _gaps(log, rows)
        found.open_fixes = [b for _, b in _both_ends(connection, sql_name("open"))]
        settings = _patiently(connection, "SELECT name, value FROM settings")
        found.settings = [(n, v) for n, v in settings if isinstance(n, str) and isinstance(v, str)]
    return found


def _logs(connection: sqlite3.Connection) -> list[LogDocument]:
    """The logs by their documents, and those whose document is gone by their tables."""
    logs: dict[str, LogDocument] = {}
    for _, body in _both_ends(connection, sql_name("logs")):
        try:
            log = msgspec.json.decode(body, type=LogDocument)
        except (msgspec.DecodeError, UnicodeError):
            continue
        logs[log.table()] = log
    for (name,) in _patiently(connection, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        stream, _, log_id = name.removeprefix(PREFIX).partition(":")
        if stream in ("event", "track") and log_id:
            logs.setdefault(f"{stream}:{log_id}", LogDocument(stream, log_id))
    return list(logs.values())


def _patiently(connection: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    try:
        yield from connection.execute(query)
    except (sqlite3.Error, UnicodeDecodeError):
        return


def _both_ends(connection: sqlite3.Connection, table: str) -> list[Row]:
    """Rows from the beginning as far as they can be read, and from the end backwards likewise."""
    rows: dict[int, str] = {}
    for order in ("ASC", "DESC"):
        query = f"SELECT doc_id, body FROM {table} ORDER BY doc_id {order}"
        for doc_id, body in _patiently(connection, query):
            if doc_id in rows:
                break
            if isinstance(doc_id, int) and isinstance(body, str):
                rows[doc_id] = body
    return sorted(rows.items())


def _sound(rows: Iterable[Row]) -> list[SoundRow]:
    """The rows that are what was written."""
    sound = []
    for seq, body in rows:
        try:
            row = msgspec.json.decode(body, type=RowDocument)
        except (msgspec.DecodeError, UnicodeError):
            continue
        if row.whole(seq):
            sound.append((seq, body, row))
    return sound


def _mend_head(log: LogDocument, rows: list[SoundRow]) -> None:
    if rows and rows[-1][0] > log.last:
        log.last, log.h = rows[-1][0], rows[-1][2].h


def _gaps(log: LogDocument, rows: list[SoundRow]) -> list[LostSpan]:
    """What is missing of what the gateway has not acknowledged."""
    there = {seq: row for seq, _, row in rows}
    missing = [seq for seq in range(max(log.next, log.oldest), log.last + 1) if seq not in there]
    spans = []
    for _, run in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]):
        seqs = [seq for _, seq in run]
        after = there.get(seqs[-1] + 1)
        h_last = after.p if after else (log.h if seqs[-1] == log.last else None)
        joined = bytes.fromhex(h_last) if h_last else None
        spans.append(LostSpan(log.stream, log.log, seqs[0], seqs[-1], joined))
    return spans
