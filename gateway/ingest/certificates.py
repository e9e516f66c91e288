"""Units that ask for a certificate: what they ask is kept for the authority, and its answer goes out to them.

Only what is signed by a unit of this site, or proven by a code, is kept: that is the bound in all.
"""

from base64 import b64encode
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.fleet.codes import NO_CODE, proven
from gateway.store.open import Store
from gateway.store.schema import requests
from gateway.store.upsert import upsert
from wire import codec, topics
from wire.chain import Signer
from wire.orders import CertGrant, CertRequest

WAITING = 4
"""Requests of one unit that may wait; a further one is passed over until the authority has seen to them."""

MOST_A_DAY = 32
"""Requests of one unit that are kept; one that asks more is broken or in wrong hands, and fills no disk."""

MOST_BYTES = 8 * 1024
"""A signed request stands as it came, since the signature covers all of it; none in order is half so large."""

AT_ONCE = 200
"""Answers that go out in one go; the rest follow at the next."""

DAY_MS = 86_400_000
FRESH_MS = 600_000
"""An answer goes out, to each new connection of a broker, for so long; later its unit asks again."""


class Counter:
    """One worker's counter for certificates."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store, self._signer = store, signer
        self._answered: set[str] = set()

    def take(self, connection: Connection, unit: str, message: bytes, now_ms: int) -> None:
        """Keeps what `unit` asks; the authority checks signature or proof again, by itself."""
        number = sha256(unit.encode() + b"|" + message).hexdigest()
        self._answered.discard(number)
        known = sa.select(requests.c.state).where(requests.c.id == number)
        state = connection.execute(known).scalar()
        if state == "signed":
            again = requests.update().where(requests.c.id == number).values(done_ms=now_ms)
            connection.execute(again)
        elif state is None and _has_room(connection, unit, now_ms):
            row: dict[str, object] = {"id": number, "unit": unit, "message": message}
            row |= {"received_ms": now_ms, "state": "waiting"}
            upsert(connection, requests, ["id"], [row])

    def due(self, now_ms: int) -> list[tuple[str, bytes]]:
        """(topic, payload) of the answers that are to go out now."""
        query = sa.select(requests.c.id).where(
            requests.c.state != "waiting", requests.c.done_ms > now_ms - FRESH_MS
        )
        with self._store.reading() as connection:
            recent = set(connection.execute(query).scalars())
            self._answered &= recent
            fresh = sorted(recent - self._answered)[:AT_ONCE]
            rows = connection.execute(sa.select(requests).where(requests.c.id.in_(fresh))).all()
        self._answered.update(fresh)
        return [(topics.cert(row.unit), self._answer(row)) for row in rows]

    def _answer(self, row: sa.Row[tuple[object, ...]]) -> bytes:
        cert = b64encode(row.cert).decode("ascii") if row.cert else None
        refused = None if cert else (row.why or "refused")[:500]
        return codec.encode_signed(CertGrant(1, cert, refused), topics.cert(row.unit), self._signer)

    def forget(self) -> None:
        """A broker is back: what was said before may be lost."""
        self._answered.clear()


def oversize(message: bytes) -> str | None:
    """Why a signed request is not kept; None where it may be."""
    return f"a request of {len(message)} bytes" if len(message) > MOST_BYTES else None


def unproven(connection: Connection, unit: str, request: CertRequest) -> str | None:
    """Why nobody has to look at `request`: names are free, codes are not. None where a code proves it."""
    code = proven(connection, unit, request.csr, request.proof or "")
    return NO_CODE if code is None else None


def _has_room(connection: Connection, unit: str, now_ms: int) -> bool:
    query = sa.select(requests.c.state).where(
        requests.c.unit == unit, requests.c.received_ms > now_ms - DAY_MS
    )
    states = list(connection.execute(query).scalars())
    return len(states) < MOST_A_DAY and states.count("waiting") < WAITING
