"""Used SUN counters that are old enough are forgotten; a replay of one is then told as running back.

The records stay what they are: this is only the index by which a counter is known again. Of each card the
newest dated counter stays for ever, and every counter above it.
"""

import sqlalchemy as sa

from gateway.store.open import Store
from gateway.store.schema import sun_cases, suns

DAY_MS = 86_400_000


def retain_suns(store: Store, keep_days: float, now_ms: int) -> int:
    """Forgets counters used more than `keep_days` ago, and what was told of them; how many counters."""
    before_ms = now_ms - int(keep_days * DAY_MS)
    newest = _highest(sa.true())
    old = _highest(suns.c.at_ms < before_ms)
    beaten = sa.and_(
        _below(newest),
        sa.or_(suns.c.at_ms < before_ms, sa.and_(suns.c.at_ms.is_(None), _below(old))),
    )
    with store.changing() as connection:
        gone = connection.execute(suns.delete().where(beaten))
        connection.execute(sun_cases.delete().where(sun_cases.c.told_ms < before_ms))
    return gone.rowcount


def _highest(which: sa.ColumnElement[bool]) -> sa.Subquery:
    """Each card's highest counter among the dated ones that are `which`."""
    query = sa.select(suns.c.card, sa.func.max(suns.c.counter).label("counter"))
    return query.where(suns.c.at_ms.is_not(None), which).group_by(suns.c.card).subquery()


def _below(highest: sa.Subquery) -> sa.ColumnElement[bool]:
    query = sa.select(highest.c.card)
    return sa.exists(query.where(highest.c.card == suns.c.card, suns.c.counter < highest.c.counter))
