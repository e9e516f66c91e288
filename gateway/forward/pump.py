"""One sink's pump: events before tracks, in the order of commits; the cursor moves after the delivery.

A request that was answered but not noted is sent again after a restart; its events bear the same ids.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from gateway.forward.backoff import Backoff
from gateway.forward.page import Page, corrections, next_page
from gateway.forward.parking import Parking
from gateway.forward.sink import Delivered, Event, Refused, Sink, Stopped, TryLater
from gateway.forward.standing import Standing
from gateway.store.open import Store
from gateway.store.own_log import OwnLog
from gateway.store.schema import cursors
from gateway.store.upsert import upsert
from wire.records import STREAMS

RETRY_S = (0.5, 60.0)
SLOWLY_S = (15.0, 300.0)

log = logging.getLogger("xunkong.forward")


class StopAsked(Exception):
    """The process was told to end while a delivery waited."""


class Pump:
    """`step` forwards what comes next. One thread owns it; `stop` ends any wait."""

    def __init__(
        self,
        name: str,
        sink: Sink,
        store: Store,
        own: OwnLog,
        stop: threading.Event,
        reached: Callable[[str], None],
        alive: Callable[[float], None] = lambda pause_s: None,
    ) -> None:
        """`alive` is told that the pump works, before each request and each pause of so many seconds."""
        self._alive = alive
        self._name, self._sink, self._store, self._stop = name, sink, store, stop
        self._reached = reached
        self._parking = Parking(store, name)
        self._standing = Standing(store, name, own)
        self._later, self._slowly = Backoff(*RETRY_S), Backoff(*SLOWLY_S)

    def step(self) -> bool:
        """Forwards one page; False when there is nothing. Raises `StopAsked`, and database errors."""
        page = self._next()
        if page is None:
            return False
        self._deliver(page.events)
        self._correct(page)
        self._move(page)
        return True

    def _next(self) -> Page | None:
        with self._store.reading() as connection:
            pages = (next_page(connection, self._name, stream) for stream in STREAMS)
            return next((page for page in pages if page), None)

    def _correct(self, page: Page) -> None:
        for events in corrections(self._store, self._name, page):
            self._deliver(events)

    def _move(self, page: Page) -> None:
        row = {"sink": self._name, "stream": page.stream, "pos": page.last_pos}
        with self._store.changing() as connection:
            upsert(connection, cursors, ["sink", "stream"], [row])
        self._reached("forward.after_cursor")

    # Delivery

    def _deliver(self, events: Sequence[Event]) -> None:
        """Until each event is delivered or parked: what is refused is halved down to the single one."""
        parts = [events]
        while parts:
            part = parts.pop(0)
            refused = self._post(part)
            if refused is None:
                continue
            if len(part) > 1:
                half = len(part) // 2
                parts[:0] = [part[:half], part[half:]]
                continue
            log.warning("parked %s: %s", part[0].id, refused.why)
            self._parking.park(part[0], refused.why)

    def _post(self, events: Sequence[Event]) -> Refused | None:
        """Tries for as long as it takes; None once delivered."""
        while True:
            self._alive(0.0)
            self._reached("forward.before_post")
            outcome = self._sink.deliver(events)
            self._reached("forward.after_post")
            match outcome:
                case Delivered() | Refused():
                    self._standing.now("ok", None)
                    self._later.reset()
                    self._slowly.reset()
                    return outcome if isinstance(outcome, Refused) else None
                case TryLater(why, after_s):
                    self._standing.now("waiting", why)
                    self._pause(self._later.wait_s(after_s))
                case Stopped(why):
                    self._standing.now("stopped", why)
                    self._pause(self._slowly.wait_s())

    def _pause(self, for_s: float) -> None:
        self._alive(for_s)
        if self._stop.wait(for_s):
            raise StopAsked

    # What a person asked to be sent again

    def retry_parked(self) -> int:
        """Sends again what was parked and asked for; returns how many the platform took."""
        taken = 0
        for event in self._parking.asked():
            refused = self._post([event])
            if refused is None:
                self._parking.release(event.id)
                taken += 1
            else:
                self._parking.park(event, refused.why)
        return taken


class Commits:
    """Tells whether somebody has committed since the last time: cheap enough to ask 100 times a second.

    SQLite tells it by `PRAGMA data_version`; elsewhere the ledger's row is read, less often.
    """

    def __init__(self, store: Store) -> None:
        self._connection = store.engine.raw_connection()
        self._query = "PRAGMA data_version" if store.is_sqlite else str(_LEDGER)
        self._every_s = 0.01 if store.is_sqlite else 0.05
        self._seen: object = None

    def wait(self, stop: threading.Event, most_s: float) -> None:
        """Returns when something was committed, after `most_s`, or when `stop` is set."""
        until_s = time.monotonic() + most_s
        while not self._new() and time.monotonic() < until_s:
            if stop.wait(self._every_s):
                return

    def _new(self) -> bool:
        cursor = self._connection.cursor()
        cursor.execute(self._query)
        row = cursor.fetchone()
        cursor.close()
        self._connection.rollback()
        before, self._seen = self._seen, row
        return row != before

    def close(self) -> None:
        self._connection.close()


_LEDGER = sa.text("SELECT next_pos FROM ledger")
