"""Whose signatures ingest believes: the units' certificates, as they showed them and as the store keeps them.

A certificate proves itself by the authority's signature, so a unit shows it in its greeting, and a store
that was put back from an old copy learns it anew. Kept for ever: old batches stay verifiable.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.schema import certificates, strikes
from wire.certificates import Authority, BadCertificate, Certificate
from wire.keys import holds


class Registry:
    """One worker's view. It is opened on each group's connection, so that a revocation counts at once."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._known: dict[str, Certificate] = {}
        self._revoked: frozenset[str] = frozenset()
        self._connection: Connection

    def open(self, connection: Connection) -> None:
        """A group begins."""
        self._connection = connection
        query = sa.select(certificates.c.serial).where(certificates.c.revoked_ms.is_not(None))
        self._revoked = frozenset(connection.execute(query).scalars())

    def forget(self) -> None:
        """A group failed: what it admitted was not kept."""
        self._known.clear()

    def admit(self, unit: str, text: str, now_ms: int) -> str | None:
        """Takes the certificate (DER, base64) that `unit` shows; why not, where it may not be."""
        try:
            shown = self._authority.read_text(text, "log-in")
        except BadCertificate as exc:
            return f"its certificate: {exc}"
        if shown.name != unit:
            return f"its certificate is made for {shown.name}"
        held = self._known.get(shown.kid)
        if held is None or held.serial < shown.serial:
            if keep(self._connection, shown, now_ms):
                self._revoked |= {serial_text(shown.serial)}
            self._known[shown.kid] = shown
        return None

    def check(self, signer: str, text: bytes, kid: str | None, sig: str | None) -> str | None:
        """Why this signature does not hold; None when it does."""
        if kid is None or sig is None:
            return "it is not signed"
        certificate = self._known.get(kid) or self._look_up(kid)
        if certificate is None:
            return f"signed with key {kid}, which no certificate of this site bears"
        if certificate.name != signer:
            return f"signed with the key of {certificate.name}"
        if serial_text(certificate.serial) in self._revoked:
            return f"signed with key {kid}, which is revoked"
        return None if holds(certificate.public, text, sig) else "its signature does not hold"

    def _look_up(self, kid: str) -> Certificate | None:
        query = sa.select(certificates.c.der).where(
            certificates.c.kid == kid, certificates.c.der.is_not(None)
        )
        for der in self._connection.execute(query.order_by(certificates.c.serial.desc())).scalars():
            try:
                found = self._authority.read(der, "log-in")
            except BadCertificate:
                continue  # of another authority, before this site's was made anew
            self._known[kid] = found
            return found
        return None


def keep(connection: Connection, certificate: Certificate, now_ms: int) -> bool:
    """Keeps a certificate that was seen; one that is known already stays as it is, revoked or not.

    Returns whether it is out by what was said of its unit, before it was seen.
    """
    serial = serial_text(certificate.serial)
    held = connection.execute(
        sa.select(certificates.c.der.is_not(None)).where(certificates.c.serial == serial)
    ).scalar()
    row = {"kid": certificate.kid, "unit": certificate.name, "der": certificate.der}
    if held is None:
        out = _struck(connection, certificate.name, serial)
        insert = certificates.insert().values(serial=serial, first_ms=now_ms, **row, **out)
        connection.execute(insert)
        return bool(out)
    if not held:
        connection.execute(
            certificates.update().where(certificates.c.serial == serial).values(**row)
        )
    return False


def _struck(connection: Connection, unit: str, serial: str) -> dict[str, object]:
    query = sa.select(strikes).where(strikes.c.unit == unit, strikes.c.serial >= serial)
    row = connection.execute(query).first()
    return {"revoked_ms": row.at_ms, "why": row.why} if row else {}


def serial_text(serial: int) -> str:
    """A serial number as the store has it: 32 hex digits, which sort by issue."""
    return f"{serial:032x}"
