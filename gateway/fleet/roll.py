"""The roll: which certificates the site has made or seen, and which of them are out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from gateway.fleet.certificates import (
    BadRequest,
    Issuer,
    Public,
    Revoked,
    certify,
    common_name,
    end_ms,
    issued_ms,
)
from gateway.store.open import Store
from gateway.store.schema import certificates, codes, strikes, units
from gateway.store.upsert import upsert
from wire.certificates import USAGES, Purpose
from wire.keys import kid_of
from wire.topics import GATEWAY
from wire.words import Fault

EARLIEST_MS = 1_735_689_600_000
"""2025: no clock that is right is behind it."""

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


class Asked(NamedTuple):
    """What a certificate is to say; `hosts`: names or addresses at which its bearer serves."""

    name: str
    public: Public
    purpose: Purpose
    days: int
    hosts: Sequence[str] = ()


def issue(connection: Connection, issuer: Issuer, asked: Asked, now_ms: int) -> x509.Certificate:
    """Makes a certificate and takes it into the roll; its number is above all that were given.

    Raises `BadRequest` for a key that was revoked, and `Fault` where the clock cannot be right.
    """
    check_clock(now_ms)
    _check_key(connection, asked.public)
    made = certify(
        issuer, asked.name, asked.public, asked.purpose, now_ms, asked.days, asked.hosts,
        after=_newest(connection),
    )  # fmt: skip
    enter(connection, made, now_ms)
    return made


def check_clock(now_ms: int) -> None:
    """Raises `Fault` where the clock is of before this software."""
    if now_ms < EARLIEST_MS:
        raise Fault(
            f"本机时钟为 {_day(now_ms)}，显然不对；请先校准时钟",
            f"this machine's clock says {_day(now_ms)}, which cannot be; set it right first",
        )


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _check_key(connection: Connection, public: Public) -> None:
    if not isinstance(public, Ed25519PublicKey):
        return
    kid = kid_of(public.public_bytes_raw())
    out = sa.select(certificates.c.serial).where(
        certificates.c.kid == kid, certificates.c.revoked_ms.is_not(None)
    )
    if connection.execute(out).first() is not None:
        raise BadRequest(f"its key {kid} was revoked; a new one is needed")


def _newest(connection: Connection) -> int:
    """The highest number that was given, or put out."""
    columns = (certificates.c.serial, strikes.c.serial)
    found = [connection.execute(sa.select(sa.func.max(c))).scalar() for c in columns]
    return max(int(serial, 16) for serial in [*found, "0"] if serial)


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
        to_ms=end_ms(found),
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
    """Revokes every certificate of `unit` that was made so far, and its codes.

    Returns how many are known that counted until now. One that is not known, since the store was put back
    from an old copy, is out as soon as it shows itself.
    """
    at_ms = max(now_ms, issued_ms(_newest(connection)))
    last = (at_ms + 1 << 64) - 1
    row = {"unit": unit, "serial": f"{last:032x}", "at_ms": now_ms, "why": why}
    upsert(connection, strikes, ["unit"], [row])
    connection.execute(
        codes.update()
        .where(codes.c.unit == unit, codes.c.expires_ms > now_ms)
        .values(expires_ms=now_ms)
    )
    wanted = certificates.update().where(
        certificates.c.unit == unit, certificates.c.revoked_ms.is_(None)
    )
    return connection.execute(wanted.values(revoked_ms=now_ms, why=why)).rowcount


def signing_kids(store: Store, serial: str | None = None) -> set[str]:
    """The keys that the gateway has signed with, or that of certificate `serial` alone. Raises `Fault`."""
    query = sa.select(certificates.c.kid).where(
        certificates.c.unit == GATEWAY, certificates.c.kid.is_not(None)
    )
    if serial is not None:
        query = query.where(certificates.c.serial == serial.lower())
    with store.reading() as connection:
        found = set(connection.execute(query).scalars())
    if not found:
        raise Fault(
            "没有这样的签名证书；用 xunkong gateway ca list --unit gw 查看",
            "there is no such signing certificate; see xunkong gateway ca list --unit gw",
        )
    return found


def strike_out_keys(connection: Connection, kids: set[str], why: str, at_ms: int) -> int:
    """Revokes every certificate of these keys since `at_ms`, or since earlier where they were already."""
    c = certificates.c
    later = sa.or_(c.revoked_ms.is_(None), c.revoked_ms > at_ms)
    wanted = certificates.update().where(c.kid.in_(sorted(kids)), later)
    return connection.execute(wanted.values(revoked_ms=at_ms, why=why)).rowcount


def is_known(connection: Connection, unit: str) -> bool:
    """Whether the unit has a certificate here, or was heard of."""
    columns = (certificates.c.unit, units.c.unit)
    found = (sa.select(column).where(column == unit).limit(1) for column in columns)
    return any(connection.execute(query).first() for query in found)


def out_of_service(connection: Connection) -> dict[str, str]:
    """The units that were put out and have no certificate since, each with why."""
    c = certificates.c
    valid = sa.select(c.unit).where(c.der.is_not(None), c.revoked_ms.is_(None))
    query = sa.select(strikes.c.unit, strikes.c.why).where(strikes.c.unit.not_in(valid))
    return {row.unit: row.why for row in connection.execute(query)}


def out_since_ms(connection: Connection, unit: str) -> int | None:
    """Since when `unit` is out of service (UTC); None: it is not. To put it out again makes it no later."""
    if unit not in out_of_service(connection):
        return None
    c = certificates.c
    revoked = sa.select(sa.func.max(c.revoked_ms)).where(c.unit == unit)
    struck = sa.select(strikes.c.at_ms).where(strikes.c.unit == unit)
    found: int | None = connection.execute(revoked).scalar()
    return found or connection.execute(struck).scalar()


def out_lately(connection: Connection, since_ms: int) -> set[str]:
    """The units without any valid certificate that were put out since then, or whose own was known since then alone."""
    c, s = certificates.c, strikes.c
    valid = sa.select(c.unit).where(c.der.is_not(None), c.revoked_ms.is_(None))
    late = sa.or_(c.revoked_ms >= since_ms, c.first_ms >= since_ms)
    revoked = sa.select(c.unit).where(c.revoked_ms.is_not(None), late, c.unit.not_in(valid))
    struck = sa.select(s.unit).where(s.at_ms >= since_ms, s.unit.not_in(valid))
    return {*connection.execute(revoked).scalars(), *connection.execute(struck).scalars()}


def unlisted(connection: Connection, crl: x509.CertificateRevocationList | None) -> set[str]:
    """The units with a certificate that is out and not on the list."""
    listed = {f"{one.serial_number:032x}" for one in crl or ()}
    query = sa.select(certificates.c.serial, certificates.c.unit)
    out = connection.execute(query.where(certificates.c.revoked_ms.is_not(None)))
    return {row.unit for row in out if row.serial not in listed}


def count_out(connection: Connection) -> int:
    """How many certificates are out."""
    query = sa.select(sa.func.count()).where(certificates.c.revoked_ms.is_not(None))
    found: int = connection.execute(query).scalar_one()
    return found


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
