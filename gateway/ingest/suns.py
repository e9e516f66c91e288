"""SUN messages checked again, over all units: what is told of one that does not hold or was used before.

Of a card that a unit found forged by itself (it answered an authentication with a wrong key) it is told too.

Arrival says nothing of order: a unit may bring its backlog weeks later, with counters lower than others
brought. A lower counter that nobody used is no replay. The same counter in two records is; so is one
that was used later, by trusted clocks or by one log's own order, than a higher one of the same card.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from gateway.store.schema import sun_cases, suns
from gateway.store.upsert import upsert
from wire.cards.keyfile import SiteKeys
from wire.records import Checkin, Crew

MARGIN_MS = 120_000
"""How much later by the clock is surely later: twice what a trusted clock may be off."""

DAY_MS = 86_400_000
UNVERIFIED = "SUN message not verified: no card keys here ([cards] keys)"
Tell = Callable[[str, str], None]


class Used(Struct, frozen=True):
    """A record that used a counter; `at_ms` None where no trusted clock dates it."""

    unit: str
    log: str
    seq: int
    at_ms: int | None

    def __str__(self) -> str:
        return f"{self.unit}/event/{self.log}/{self.seq}"


class SunWatch:
    """Judges the messages of one group of changes. `keys` None: none is verified."""

    def __init__(self, keys: SiteKeys | None) -> None:
        self._keys = keys

    def mark(self, record: Checkin | Crew) -> str | None:
        """What is wrong with the message of `record`, None where nothing is: it stands beside the record."""
        if record.sun is None or self._counter(record) is not None:
            return None
        return UNVERIFIED if self._keys is None else "SUN message does not hold"

    def judge(
        self, connection: Connection, record: Checkin | Crew, used: Used, now_ms: int, tell: Tell
    ) -> None:
        """Notes that `used` used its counter; `tell` (unit, what) is called once for each case."""
        case, what = self._case(connection, record, used, now_ms)
        if case and _is_new(connection, case, now_ms):
            tell(used.unit, f"{what}: record {used}")

    def _case(
        self, connection: Connection, record: Checkin | Crew, used: Used, now_ms: int
    ) -> tuple[str, str]:
        """What is to be told, and under which name it is told once; twice "" where nothing is."""
        card, counter = record.badge, self._counter(record)
        forged = f"forged {card} {used.unit} {now_ms // DAY_MS}"
        if counter is not None:
            first = _used(connection, card, counter)
            if first is None:
                _note(connection, card, counter, used)
            return self._found(connection, card, counter, used, first)
        if record.sun is not None and self._keys is not None:
            what = "does not hold (or [cards] keys are another site's)"
            return forged, f"the SUN message of card {card} {what}"
        if record.result == "forged":
            return forged, f"card {card} did not have its key (or it was never personalised)"
        return "", ""

    def _counter(self, record: Checkin | Crew) -> int | None:
        """The counter that the message proves; None where it does not hold, or cannot be checked."""
        if self._keys is None or record.sun is None:
            return None
        counters = (
            _proven(one.master, record.badge or "", record.sun)
            for one in (self._keys, *self._keys.earlier)
        )
        return next((counter for counter in counters if counter is not None), None)

    @staticmethod
    def _found(
        connection: Connection, card: str | None, counter: int, used: Used, first: Used | None
    ) -> tuple[str, str]:
        if first:
            case = f"twice {card} {counter} {used.unit}"
            return case, f"counter {counter} of card {card} was used twice, first by {first}"
        for other, number in _neighbours(connection, card, counter):
            early, late = (used, other) if counter < number else (other, used)
            if _surely_after(early, late):
                case = f"backwards {card} {counter}"
                return (
                    case,
                    f"counter {counter} of card {card} against {number} of {other} runs back",
                )
        return "", ""


def _proven(master: bytes, badge: str, url: str) -> int | None:
    """The counter that the message proves of this card with its keys by `master`; None: it proves none."""
    from wire.cards import keys, sun

    try:
        tap = sun.verify(sun.parse(url), keys.card_keys(master, badge).sun)
    except (sun.BadSun, ValueError):
        return None
    return tap.counter if tap.uid == badge else None


def _surely_after(one: Used, other: Used) -> bool:
    """Whether `one` certainly happened after `other`."""
    if (one.unit, one.log) == (other.unit, other.log):
        return one.seq > other.seq
    if one.at_ms is None or other.at_ms is None:
        return False
    return one.at_ms - other.at_ms > MARGIN_MS


def _read(row: Any) -> Used:
    return Used(row.unit, row.log, row.seq, row.at_ms)


def _used(connection: Connection, card: str | None, counter: int) -> Used | None:
    query = sa.select(suns).where(suns.c.card == card, suns.c.counter == counter)
    row = connection.execute(query).first()
    return _read(row) if row else None


def _neighbours(connection: Connection, card: str | None, counter: int) -> list[tuple[Used, int]]:
    """The records that used the next lower and the next higher counter of the card."""
    own = sa.select(suns).where(suns.c.card == card)
    queries = (
        own.where(suns.c.counter < counter).order_by(suns.c.counter.desc()).limit(1),
        own.where(suns.c.counter > counter).order_by(suns.c.counter).limit(1),
    )
    found = (connection.execute(query).first() for query in queries)
    return [(_read(row), row.counter) for row in found if row]


def _note(connection: Connection, card: str | None, counter: int, used: Used) -> None:
    row = {"card": card, "counter": counter, "unit": used.unit, "log": used.log}
    connection.execute(suns.insert().values(**row, seq=used.seq, at_ms=used.at_ms))


def _is_new(connection: Connection, case: str, now_ms: int) -> bool:
    query = sa.select(sun_cases.c.case).where(sun_cases.c.case == case[:160])
    if connection.execute(query).first():
        return False
    upsert(connection, sun_cases, ["case"], [{"case": case[:160], "told_ms": now_ms}])
    return True
