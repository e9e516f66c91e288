"""Events that a platform would not take: kept, shown, and sent again when a person asks for it."""

import time

import sqlalchemy as sa

from gateway.forward.sink import Event
from gateway.store.open import Store
from gateway.store.schema import parked
from gateway.store.upsert import upsert

AT_ONCE = 100


class Parking:
    """One sink's parked events."""

    def __init__(self, store: Store, sink: str) -> None:
        self._store, self._sink = store, sink

    def park(self, event: Event, why: str) -> None:
        """Keeps `event` and why the platform refused it."""
        row = {
            "sink": self._sink,
            "id": event.id,
            "event": event.body,
            "why": why[:500],
            "parked_ms": time.time_ns() // 1_000_000,
            "retry": False,
        }
        with self._store.changing() as connection:
            upsert(connection, parked, ["sink", "id"], [row])

    def asked(self) -> list[Event]:
        """Some of those that a person wants sent again."""
        query = sa.select(parked).where(self._mine(), parked.c.retry).limit(AT_ONCE)
        with self._store.reading() as connection:
            return [Event(row.id, "", row.event) for row in connection.execute(query)]

    def release(self, event_id: str) -> None:
        """The platform has it now."""
        with self._store.changing() as connection:
            connection.execute(parked.delete().where(self._mine(), parked.c.id == event_id))

    def _mine(self) -> sa.ColumnElement[bool]:
        return parked.c.sink == self._sink


def listed(store: Store) -> list[sa.Row[tuple[str, str, bytes, str, int, bool]]]:
    """All parked events of all sinks, the oldest first."""
    with store.reading() as connection:
        return list(connection.execute(sa.select(parked).order_by(parked.c.parked_ms)))


def ask_again(store: Store, event_id: str | None) -> int:
    """Marks one (None: every) parked event to be sent again; returns how many there were."""
    which = sa.true() if event_id is None else parked.c.id == event_id
    with store.changing() as connection:
        return int(connection.execute(parked.update().where(which).values(retry=True)).rowcount)
