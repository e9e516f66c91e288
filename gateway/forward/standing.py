"""How a sink stands: `ok`, `waiting`, `stopped`; a stop is an alarm in the gateway's own log."""

import logging
import time
from typing import Literal

import sqlalchemy as sa

from gateway.store.book import Book
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import sinks
from gateway.store.upsert import upsert

log = logging.getLogger("xunkong.forward")


class Standing:
    """One sink's standing, written when it changes, and known again after a restart."""

    def __init__(self, store: Store, sink: str, own: OwnLog) -> None:
        self._store, self._sink, self._own = store, sink, own
        with store.reading() as connection:
            query = sa.select(sinks.c.state).where(sinks.c.sink == sink)
            self._state: str = connection.execute(query).scalar() or ""

    def now(self, state: Literal["ok", "waiting", "stopped"], why: str | None) -> None:
        """It is `state`, because of `why`. One that is stopped stays so until a delivery."""
        if state == self._state or (state == "waiting" and self._state == "stopped"):
            return
        stopped_before, self._state = self._state == "stopped", state
        level = logging.INFO if state == "ok" else logging.WARNING
        log.log(level, "sink %s is %s%s", self._sink, state, f": {why}" if why else "")
        now_ms = time.time_ns() // 1_000_000
        with self._store.writing() as connection:
            row = {"sink": self._sink, "state": state, "why": why, "since_ms": now_ms}
            upsert(connection, sinks, ["sink"], [row])
            if state == "stopped" or stopped_before:
                book = Book(self._store.is_sqlite)
                book.open(connection, now_ms)
                what = f"sink {self._sink} is {state}{f': {why}' if why else ''}"
                self._own.alarm(book, what, part="forward", active=state == "stopped")
                book.close()
