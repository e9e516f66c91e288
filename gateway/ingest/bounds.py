"""How much out of the ordinary one unit may bring: a stolen box fills no disk, and holds up no other unit.

What lies beyond is refused and stays with the unit; what is in order is never counted.
"""

import sqlalchemy as sa

from gateway.store.book import Book
from gateway.store.heads import EMPTY, Key
from gateway.store.schema import gaps, logs

BRANCHES = 8
"""Of one log. Each batch of it is held against all of them; a card is cloned once or twice, not daily."""

LOGS_A_DAY = 128
"""New ones of a unit: a card that loses its end at each power cut begins two each time."""

ALARMS_A_DAY = 200
"""That the gateway raises about one unit, in its own log, which it keeps for ever and forwards."""

STATE_BYTES = 16 * 1024
"""Of a live picture, which nobody signs, as plain JSON: a unit in order needs a few thousand at the worst."""

DAY_MS = 86_400_000
REMEMBERED = 20_000
"""Logs of which the latest greeting's word is kept in memory; the next greeting brings it again."""


class Alarms:
    """Counts the gateway's alarms about each unit."""

    def __init__(self) -> None:
        self._day = 0
        self._raised: dict[str, int] = {}

    def admit(self, unit: str, what: str, now_ms: int) -> str | None:
        """What is to be said of `unit`: `what`, at the bound that no more follows, beyond it nothing."""
        if now_ms // DAY_MS != self._day:
            self._day, self._raised = now_ms // DAY_MS, {}
        count = self._raised[unit] = self._raised.get(unit, 0) + 1
        if count == ALARMS_A_DAY:
            return f"{what}; {count} alarms about it today, no more are raised until tomorrow (UTC)"
        return what if count < ALARMS_A_DAY else None


def may_begin(book: Book, key: Key, now_ms: int) -> bool:
    """Whether `key` is known, or its unit may still begin a log today."""
    if book.head(key) != EMPTY:
        return True
    unit = key[0]
    begun = sa.select(logs.c.stream, logs.c.log).where(logs.c.unit == unit)
    fresh = begun.where(logs.c.first_ms > now_ms - DAY_MS).limit(LOGS_A_DAY)
    lost = sa.select(gaps.c.stream, gaps.c.log).where(gaps.c.unit == unit).distinct()
    only_lost = lost.except_(begun).limit(LOGS_A_DAY)
    found = {tuple(row) for query in (fresh, only_lost) for row in book.connection.execute(query)}
    found |= {one[1:] for one in book.begun if one[0] == unit}
    return key[1:] in found or len(found) < LOGS_A_DAY
