"""One-time codes at the gateway: given out, checked, and turned into the broker's passwords."""

import hmac
import os
import secrets
from base64 import b64encode
from hashlib import pbkdf2_hmac
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from gateway.store.open import Store
from gateway.store.schema import codes
from wire import topics
from wire.codes import meant, new_code, password, proof, proof_key
from wire.words import Fault

LONGEST_H = 30 * 24
GRACE_MS = 900_000
"""After its use a code opens the broker for so long, so that a unit that lost the answer can ask for it again."""

ROUNDS = 101
"""As mosquitto_passwd does; what is hashed is a hash of 100 random bits, which nobody guesses."""


NO_CODE = "no code of this unit proves it"


def give_code(store: Store, unit: str, valid_h: float, now_ms: int) -> str:
    """A new code for `unit`, the only one that counts from now on. Raises `Fault` for what cannot be."""
    if not topics.is_unit(unit):
        raise Fault(f"{unit!r} 不是单元名", f"{unit!r} is no unit's name")
    if not 0 < valid_h <= LONGEST_H:
        raise Fault(
            f"--valid-h {valid_h:g}：应大于 0，至多 {LONGEST_H}",
            f"--valid-h {valid_h:g}: give more than 0, at most {LONGEST_H}",
        )
    said = new_code()
    code = meant(said)
    assert code is not None
    row = {
        "id": secrets.token_hex(8),
        "unit": unit,
        "key": proof_key(code),
        "password": _hashed(password(code)),
        "made_ms": now_ms,
        "expires_ms": now_ms + int(valid_h * 3_600_000),
    }
    with store.changing() as connection:
        connection.execute(codes.delete().where(codes.c.unit == unit, codes.c.used_ms.is_(None)))
        connection.execute(codes.insert().values(**row))
    return said


def proven(connection: Connection, unit: str, csr: str, shown: str) -> sa.Row[Any] | None:
    """The code of `unit`, used or not, that `shown` proves for `csr`; None where there is none."""
    rows = connection.execute(sa.select(codes).where(codes.c.unit == unit)).all()
    return next((r for r in rows if hmac.compare_digest(proof(r.key, csr), shown)), None)


def redeem(connection: Connection, unit: str, csr: str, shown: str, now_ms: int) -> str | None:
    """Uses up the code that `shown` proves; None when it does, else why not."""
    row = proven(connection, unit, csr, shown)
    if row is None:
        return NO_CODE
    if row.used_ms is not None:
        return "its code was used already"
    if row.expires_ms <= now_ms:
        return "its code is over"
    connection.execute(codes.update().where(codes.c.id == row.id).values(used_ms=now_ms))
    return None


def passwords(store: Store, now_ms: int) -> str:
    """The broker's password file: the units that may log in with a code now."""
    usable = sa.or_(codes.c.used_ms.is_(None), codes.c.used_ms > now_ms - GRACE_MS)
    query = sa.select(codes.c.unit, codes.c.password).where(codes.c.expires_ms > now_ms, usable)
    with store.reading() as connection:
        rows = connection.execute(query.order_by(codes.c.made_ms)).all()
    newest = {row.unit: row.password for row in rows}
    return "".join(f"{unit}:{hashed}\n" for unit, hashed in sorted(newest.items()))


def _hashed(secret: str) -> str:
    """As a line of mosquitto's password file has it: PBKDF2 with HMAC-SHA512."""
    salt = os.urandom(12)
    hashed = pbkdf2_hmac("sha512", secret.encode(), salt, ROUNDS, 64)
    return f"$7${ROUNDS}${b64encode(salt).decode()}${b64encode(hashed).decode()}"
