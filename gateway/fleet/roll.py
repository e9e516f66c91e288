"""The roll: which certificates the site has made or seen, and which of them are out."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from gateway.fleet.certificates import Revoked, common_name, issued_ms
from gateway.store.open import Store
from gateway.store.schema import certificates
from wire.certificates import USAGES, Purpose
from wire.keys import kid_of

PURPOSES: Mapping[x509.ObjectIdentifier, Purpose] = {oid: what for what, oid in USAGES.items()}


class Entry(NamedTuple):
    """One certificate of the roll. `kid` None: no Ed25519 key. `revoked_ms`, `why` None: not revoked."""

    unit: str
    purpose: Purpose | None
    serial: str
    kid: str | None
    issued_ms: int
    to_ms: int
    revoked_ms: int | None
    why: str | None


def enter(connection: Connection, certificate: x509.Certificate, now_ms: int) -> None:
    """Takes a certificate that was made just now into the roll."""
    public = certificate.public_key()
    kid = kid_of(public.public_bytes_raw()) if isinstance(public, Ed25519PublicKey) else None
    connection.execute(
        certificates.insert().values(
            serial=f"{certificate.serial_number:032x}",
            kid=kid,
            unit=common_name(certificate.subject),
            der=certificate.public_bytes(Encoding.DER),
            first_ms=now_ms,
        )
    )


def entries(store: Store, unit: str | None = None) -> Iterator[Entry]:
    """Every certificate (of `unit`), in order of issue."""
    query = sa.select(certificates).where(certificates.c.der.is_not(None))
    if unit is not None:
        query = query.where(certificates.c.unit == unit)
    with store.reading() as connection:
        rows = connection.execute(query.order_by(certificates.c.serial)).all()
    return (_entry(row) for row in rows)


def _entry(row: sa.Row[Any]) -> Entry:
    found = x509.load_der_x509_certificate(row.der)
    return Entry(
        unit=row.unit,
        purpose=_purpose(found),
        serial=row.serial,
        kid=row.kid,
        issued_ms=issued_ms(found.serial_number),
        to_ms=_ms(found.not_valid_after_utc),
        revoked_ms=row.revoked_ms,
        why=row.why,
    )


def _purpose(found: x509.Certificate) -> Purpose | None:
    try:
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return PURPOSES.get(next(iter(usage)))


def strike_out_one(
    connection: Connection, certificate: x509.Certificate, why: str, now_ms: int
) -> None:
    """Revokes this one."""
    serial = f"{certificate.serial_number:032x}"
    wanted = certificates.update().where(certificates.c.serial == serial)
    connection.execute(wanted.values(revoked_ms=now_ms, why=why))


def strike_out(connection: Connection, unit: str, why: str, now_ms: int) -> int:
    """Revokes every certificate of `unit` that still counts; how many."""
    wanted = certificates.update().where(
        certificates.c.unit == unit, certificates.c.revoked_ms.is_(None)
    )
    return connection.execute(wanted.values(revoked_ms=now_ms, why=why)).rowcount


def struck_out(connection: Connection) -> list[Revoked]:
    """What the store knows to be revoked."""
    query = sa.select(certificates.c.serial, certificates.c.revoked_ms).where(
        certificates.c.revoked_ms.is_not(None)
    )
    return [Revoked(int(row.serial, 16), row.revoked_ms) for row in connection.execute(query)]


def learn(connection: Connection, crl: x509.CertificateRevocationList) -> None:
    """Takes over from the list what the store lacks: it was put back from a copy older than the list."""
    for one in crl:
        serial, at_ms = f"{one.serial_number:032x}", _ms(one.revocation_date_utc)
        held = sa.select(certificates.c.serial).where(certificates.c.serial == serial)
        if connection.execute(held).first() is None:
            row = {"serial": serial, "unit": "", "first_ms": at_ms}
            connection.execute(certificates.insert().values(**row))
        unknown = certificates.update().where(
            certificates.c.serial == serial, certificates.c.revoked_ms.is_(None)
        )
        connection.execute(unknown.values(revoked_ms=at_ms, why="known from the list alone"))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
