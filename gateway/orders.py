"""Orders to units: given here, published by ingest, answered by the units' own records.

An order must bear the nonce of the unit's latest greeting, so it is published once that is known, and again
when the unit has greeted anew without having taken it. It ends with its time.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from gateway.store.open import Store
from gateway.store.schema import ANSWERS, orders, records
from wire import codec, topics
from wire.batch import BadPayload
from wire.chain import Signer
from wire.orders import OrderMessage
from wire.words import Fault

LATEST = 500
"""Records of a unit's orders that are looked through for an answer."""

VALID_S = 600
LONGEST_S = 86_400


class Given(Struct, frozen=True):
    """An order and what became of it: the unit's last word, None where it has said nothing yet."""

    id: str
    unit: str
    what: str
    text: str | None
    issued_ms: int
    expires_ms: int
    outcome: str | None
    why: str | None = None


class Answer(Struct):
    """A unit's last word on an order."""

    id: str
    outcome: str
    why: str | None = None


def give(store: Store, unit: str, what: str, text: str | None, valid_s: float) -> str:
    """Keeps an order; returns its id. Raises `Fault` for what no unit would take."""
    if not 1 <= valid_s <= LONGEST_S:
        raise Fault(
            f"--valid-s {valid_s:g}：应在 1 到 {LONGEST_S} 之间",
            f"--valid-s {valid_s:g}: give 1 to {LONGEST_S}",
        )
    order = new_order(unit, what, text, valid_s, time.time_ns() // 1_000_000)
    _check(order)
    with store.writing() as connection:
        put(connection, order)
    return order.id


def new_order(unit: str, what: str, text: str | None, valid_s: float, now_ms: int) -> Given:
    """An order of now, not kept yet."""
    until_ms = now_ms + int(valid_s * 1000)
    return Given(f"o-{secrets.token_hex(6)}", unit, what, text, now_ms, until_ms, None)


def put(connection: sa.Connection, order: Given) -> None:
    """Keeps an order."""
    row = {column.name: getattr(order, column.name) for column in orders.columns}
    connection.execute(orders.insert().values(**row))


def _check(order: Given) -> None:
    if not topics.is_unit(order.unit):
        raise Fault(
            f"{order.unit!r} 不是单元名；应为 1–32 个 a-z、0-9 或 -，且不是 gw",
            f"{order.unit!r} is no unit's name: 1 to 32 of a-z, 0-9 and -, and not gw",
        )
    if not order.what:
        raise Fault("WHAT 不能为空；例如 photo", "WHAT must not be empty; for example photo")
    try:
        codec.decode(codec.encode(message(order, "0" * 32)), OrderMessage)
    except BadPayload as exc:
        raise Fault(
            f"单元会拒收这条命令：{exc}；请改正 WHAT 或 TEXT",
            f"a unit would refuse this order: {exc}; mend WHAT or TEXT",
        ) from exc


def message(order: Given, nonce: str) -> OrderMessage:
    """The order as it goes out, not signed yet."""
    return OrderMessage(
        1, order.unit, order.id, nonce, order.issued_ms, order.expires_ms, order.what, order.text
    )


def listed(store: Store, unit: str | None = None, since_ms: int = 0) -> list[Given]:
    """The orders (of one unit) that end after `since_ms`, oldest first, each with its unit's last word."""
    query = sa.select(orders).where(orders.c.expires_ms > since_ms).order_by(orders.c.issued_ms)
    if unit is not None:
        query = query.where(orders.c.unit == unit)
    with store.reading() as connection:
        rows = connection.execute(query).all()
        answers = {row.unit: answers_of(connection, row.unit) for row in rows}
    return [_given(row, answers[row.unit].get(row.id)) for row in rows]


def _given(row: sa.Row[Any], answer: Answer | None) -> Given:
    said = (answer.outcome, answer.why) if answer else (None, None)
    return Given(*row, *said)


def answers_of(connection: sa.Connection, unit: str) -> Mapping[str, Answer]:
    """A unit's last word on each of its latest orders, by the order's id."""
    found: dict[str, Answer] = {}
    for raw in newest_words(connection, unit):
        try:
            answer = msgspec.json.decode(raw, type=Answer)
        except msgspec.DecodeError:
            continue  # kept as it came, and shown as unreadable where records are listed
        found.setdefault(answer.id, answer)
    return found


def newest_words(connection: sa.Connection, unit: str) -> Sequence[bytes]:
    """A unit's latest records of orders as they came, the newest first."""
    query = sa.select(records.c.raw).where(records.c.unit == unit, ANSWERS)
    return connection.execute(query.order_by(records.c.pos.desc()).limit(LATEST)).scalars().all()


class Desk:
    """One ingest worker's orders: which of them went out to which greeting."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store, self._signer = store, signer
        self._sent: set[tuple[str, str]] = set()

    def due(self, nonces: Mapping[str, str], now_ms: int) -> list[tuple[str, bytes]]:
        """(topic, payload) of what is to be published now; `nonces`: each unit's latest."""
        waiting = [order for order in listed(self._store, None, now_ms) if _waits(order)]
        wanted = [(order, nonces[order.unit]) for order in waiting if order.unit in nonces]
        fresh = [(order, nonce) for order, nonce in wanted if (order.id, nonce) not in self._sent]
        self._sent = {(order.id, nonce) for order, nonce in wanted}
        return [
            (
                topics.order(order.unit),
                codec.encode_signed(message(order, nonce), topics.order(order.unit), self._signer),
            )
            for order, nonce in fresh
        ]

    def forget(self) -> None:
        """A broker is back: what was published before may be lost, and a unit takes each order once."""
        self._sent.clear()


def _waits(order: Given) -> bool:
    return order.outcome in (None, "refused")
