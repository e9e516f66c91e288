"""Signs what units ask for: takes waiting requests from the store, checks each by itself, makes the certificate.

It trusts no process that hears the network: the signature or the proof is checked here, where the key is.
"""

import logging
from typing import NamedTuple

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from gateway.fleet.certificates import BadRequest, Issuer, read_request
from gateway.fleet.codes import redeem
from gateway.fleet.roll import Asked, issue
from gateway.store.open import Store
from gateway.store.schema import certificates, requests
from wire import codec, topics
from wire.batch import BadPayload
from wire.certificates import Authority, BadCertificate
from wire.codec import Signed
from wire.keys import holds
from wire.orders import CertRequest

MOST_A_DAY = 8
"""Certificates of one unit; one that asks for more is broken or in wrong hands."""

DAY_MS = 86_400_000
KEEP_MS = 30 * DAY_MS
"""Answered requests are kept so long; the certificates themselves for ever."""


log = logging.getLogger("xunkong.authority")


class _Waiting(NamedTuple):
    id: str
    unit: str
    message: bytes


class Registrar:
    """Works with the authority's key; one at a time per site is enough, and more do no harm."""

    def __init__(self, store: Store, issuer: Issuer, days: int) -> None:
        self._store, self._issuer, self._days = store, issuer, days
        self._authority = Authority(issuer.certificate.public_bytes(Encoding.PEM))

    def serve(self, now_ms: int) -> int:
        """Answers all that wait, each in a transaction of its own; how many."""
        query = sa.select(requests.c.id, requests.c.unit, requests.c.message)
        query = query.where(requests.c.state == "waiting").order_by(requests.c.received_ms)
        with self._store.reading() as connection:
            waiting = [_Waiting(*row) for row in connection.execute(query)]
        for one in waiting:
            with self._store.changing() as connection:
                self._answer(connection, one, now_ms)
        return len(waiting)

    def tidy(self, now_ms: int) -> None:
        """Removes requests that were answered long ago."""
        with self._store.changing() as connection:
            connection.execute(requests.delete().where(requests.c.done_ms < now_ms - KEEP_MS))

    def _answer(self, connection: Connection, one: _Waiting, now_ms: int) -> None:
        still = sa.select(requests.c.state).where(requests.c.id == one.id).with_for_update()
        if connection.execute(still).scalar() != "waiting":
            return
        row: dict[str, object] = {"done_ms": now_ms}
        try:
            made = self._make(connection, one, now_ms)
        except (BadRequest, BadPayload) as exc:
            log.warning("unit %s asked for a certificate and gets none: %s", one.unit, exc)
            row |= {"state": "refused", "why": str(exc)[:500]}
        else:
            log.info("certificate %x for unit %s", made.serial_number, one.unit)
            row |= {"state": "signed", "cert": made.public_bytes(Encoding.DER)}
        connection.execute(requests.update().where(requests.c.id == one.id).values(**row))

    def _make(self, connection: Connection, one: _Waiting, now_ms: int) -> x509.Certificate:
        asked = codec.decode_signed(one.message, topics.csr(one.unit), CertRequest)
        public = read_request(asked.message.csr, one.unit)
        self._check_count(connection, one.unit, now_ms)
        why = self._why_not(connection, one.unit, asked, now_ms)
        if why is not None:
            raise BadRequest(why)
        made = Asked(one.unit, public, "log-in", self._days)
        return issue(connection, self._issuer, made, now_ms)

    def _check_count(self, connection: Connection, unit: str, now_ms: int) -> None:
        made = sa.select(sa.func.count()).where(
            requests.c.unit == unit,
            requests.c.state == "signed",
            requests.c.done_ms > now_ms - DAY_MS,
        )
        if connection.execute(made).scalar_one() >= MOST_A_DAY:
            raise BadRequest(f"it got {MOST_A_DAY} certificates within a day")

    def _why_not(
        self, connection: Connection, unit: str, asked: Signed[CertRequest], now_ms: int
    ) -> str | None:
        request = asked.message
        if request.proof is not None:
            return redeem(connection, unit, request.csr, request.proof, now_ms)
        return self._why_unsigned(connection, unit, asked)

    def _why_unsigned(
        self, connection: Connection, unit: str, asked: Signed[CertRequest]
    ) -> str | None:
        if asked.kid is None or asked.sig is None:
            return "neither signed nor proven by a code"
        query = sa.select(certificates.c.der).where(
            certificates.c.kid == asked.kid,
            certificates.c.unit == unit,
            certificates.c.revoked_ms.is_(None),
        )
        for der in connection.execute(query).scalars():
            try:
                held = self._authority.read(der, "log-in")
            except BadCertificate:
                continue  # of an authority that this site had before
            if holds(held.public, asked.text, asked.sig):
                return None
        return f"not signed by a key of {unit} that counts ({asked.kid})"
