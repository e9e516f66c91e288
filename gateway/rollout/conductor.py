"""Moves a roll-out on: reads what units answered, asks the plan, gives the orders it wants. One transaction each time.

Any worker may do it: whoever holds the ledger reads, decides and writes before another does.
"""

import logging

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.orders import LONGEST_S, Answer, answers_of, new_order, put
from gateway.rollout.book import Part, Rollout, parts_of
from gateway.rollout.book import put as put_part
from gateway.rollout.plan import Member, Stage, Step, step
from gateway.store.open import Store
from gateway.store.schema import orders, releases, rollouts, units
from wire.release import Named

ORDERS = {"software": "update", "patches": "patch"}
"""What units are told, by the kind of release."""

LOST = "took the update and was not heard of again"
log = logging.getLogger("xunkong.ingest")


def look(store: Store, now_ms: int) -> None:
    """What is due of roll-outs that run; nearly nothing where none does."""
    under_way = sa.select(rollouts).where(rollouts.c.state.in_(MOVES))
    with store.reading() as connection:
        if connection.execute(under_way).first() is None:
            return
    with store.writing() as connection:
        for row in connection.execute(under_way).all():
            MOVES[row.state](connection, Rollout(*row), now_ms)


def _move(connection: Connection, rollout: Rollout, now_ms: int) -> None:
    before = parts_of(connection, rollout.id)
    parts = [_heard(connection, part, now_ms) for part in before]
    live = {row.unit: row for row in connection.execute(sa.select(units))}
    members = [_member(part, live.get(part.unit)) for part in parts]
    made = step(members, rollout.most_failures, now_ms)
    parts = [_ordered(connection, part, made, rollout, now_ms) for part in parts]
    for old, new in zip(before, parts, strict=True):
        if new != old:
            put_part(connection, new)
    if made.state != "running":
        log.warning("roll-out of %s is %s%s", rollout.version, made.state, _because(made))
        which = rollouts.update().where(rollouts.c.id == rollout.id)
        connection.execute(which.values(state=made.state, why=made.why))


def _leave(connection: Connection, rollout: Rollout, now_ms: int) -> None:
    """Each unit that was asked is told to leave the version; one that is there already says so."""
    parts = []
    for before in parts_of(connection, rollout.id):
        part = _heard(connection, before, now_ms)
        if part.stage == "waiting":
            order = new_order(part.unit, "rollback", rollout.version, LONGEST_S, now_ms)
            put(connection, order)
            part = replace(part, stage="ordered", order_id=order.id, since_ms=now_ms, why=None)
        part = replace(part, stage="back") if part.stage == "done" else part
        if part != before:
            put_part(connection, part)
        parts.append(part)
    if any(part.stage in ("ordered", "under-way") for part in parts):
        return
    failed = sum(part.stage == "failed" for part in parts)
    why = f"{failed} did not go back" if failed else None
    log.warning("version %s is left%s", rollout.version, f": {why}" if why else "")
    which = rollouts.update().where(rollouts.c.id == rollout.id)
    connection.execute(which.values(state="left", why=why))


MOVES = {"running": _move, "leaving": _leave}
"""What is due of a roll-out, by its state."""


def _because(made: Step) -> str:
    return f": {made.why}" if made.why else ""


STAGES: dict[str, Stage] = {"received": "under-way", "done": "done", "failed": "failed"}
"""What a unit's answer means; a refusal is no end, as the order goes out anew to its next greeting."""


ENDS = ("done", "failed", "back", "untouched")


def _heard(connection: Connection, part: Part, now_ms: int) -> Part:
    """What became of a unit's order. One whose time ran out before it was taken is given again later."""
    if part.order_id is None or part.stage in ENDS:
        return part
    answer = answers_of(connection, part.unit).get(part.order_id, Answer(part.order_id, ""))
    stage = STAGES.get(answer.outcome, "ordered")
    if stage == "ordered" and _is_over(connection, part.order_id, now_ms):
        return replace(part, stage="waiting", order_id=None, since_ms=now_ms)
    if stage == part.stage:
        return part
    return replace(part, stage=stage, since_ms=now_ms, why=answer.why)


def _is_over(connection: Connection, order: str, now_ms: int) -> bool:
    until = connection.execute(sa.select(orders.c.expires_ms).where(orders.c.id == order)).scalar()
    return until is None or until <= now_ms


def _member(part: Part, live: sa.Row[tuple[object, ...]] | None) -> Member:
    online, heard_ms = (bool(live.online), live.state_ms) if live else (False, None)
    stage: Stage = part.stage  # type: ignore[assignment]
    return Member(part.unit, stage, part.since_ms, online, heard_ms, part.why)


def _ordered(connection: Connection, part: Part, made: Step, rollout: Rollout, now_ms: int) -> Part:
    if part.unit in made.silent:
        return replace(part, stage="failed", since_ms=now_ms, why=LOST)
    if part.unit not in made.order:
        return part
    query = sa.select(releases.c.size).where(releases.c.sha256 == part.sha256)
    named = Named(rollout.version, part.sha256, connection.execute(query).scalar_one())
    order = new_order(part.unit, ORDERS[rollout.kind], str(named), LONGEST_S, now_ms)
    put(connection, order)
    return replace(part, stage="ordered", order_id=order.id, since_ms=now_ms, why=None)
