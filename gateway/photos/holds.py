"""Photos that are evidence: held for an incident, they outlast the site's policy until they are released."""

from collections.abc import Sequence

import sqlalchemy as sa

from gateway.store.open import Store
from gateway.store.schema import photo_files, photo_holds, photos
from gateway.store.upsert import insert_new
from wire.words import Fault

LEAST_DIGITS = 8


def hold(store: Store, incident: str, wanted: Sequence[str], now_ms: int) -> list[str]:
    """Holds photos, each named by its hash or its beginning; their hashes. Raises `Fault`, and holds none.

    The ledger is taken, so that no run of the policy comes between the look and the hold.
    """
    with store.writing() as connection:
        found = [_one(connection, beginning) for beginning in wanted]
        for digest in found:
            insert_new(
                connection,
                photo_holds,
                {"sha256": digest, "incident": incident, "held_ms": now_ms},
            )
    return found


def release(store: Store, incident: str, wanted: Sequence[str]) -> list[str]:
    """Ends the holds of an incident, of `wanted` only if any are named; the hashes. Raises `Fault`."""
    query = sa.select(photo_holds.c.sha256).where(photo_holds.c.incident == incident)
    with store.writing() as connection:
        held = list(connection.execute(query.order_by(photo_holds.c.sha256)).scalars())
        found = [one for one in held if not wanted or one.startswith(tuple(wanted))]
        if not found:
            raise Fault(
                f"没有为 {incident} 保留这样的照片；用 gateway photos --json 查看 held",
                f"no such photo is held for {incident}; see `held` of gateway photos --json",
            )
        for digest in found:
            connection.execute(
                photo_holds.delete().where(
                    photo_holds.c.sha256 == digest, photo_holds.c.incident == incident
                )
            )
    return found


def held_by(store: Store) -> dict[str, list[str]]:
    """For which incidents each held photo is held."""
    query = sa.select(photo_holds.c.sha256, photo_holds.c.incident)
    found: dict[str, list[str]] = {}
    with store.reading() as connection:
        for digest, incident in connection.execute(query.order_by(photo_holds.c.incident)):
            found.setdefault(digest, []).append(incident)
    return found


def _one(connection: sa.Connection, beginning: str) -> str:
    """The photo whose hash begins so; one that is announced may be held before its file has come."""
    if len(beginning) < LEAST_DIGITS:
        raise Fault(
            f"{beginning!r} 太短；请至少给出哈希的前 {LEAST_DIGITS} 位",
            f"{beginning!r} is too short; give at least {LEAST_DIGITS} digits of the hash",
        )
    query = sa.select(photos.c.sha256).where(photos.c.sha256.startswith(beginning, autoescape=True))
    found = connection.execute(query.distinct().limit(2)).scalars().all()
    if len(found) != 1:
        raise Fault(
            f"没有、或不止一张照片的哈希以 {beginning} 开头；用 gateway photos --json 查看",
            f"no photo, or more than one, has a hash that begins with {beginning}; see gateway photos",
        )
    gone = sa.select(photo_files.c.why).where(
        photo_files.c.sha256 == found[0], photo_files.c.removed_ms.is_not(None)
    )
    why = connection.execute(gone).scalar()
    if why is not None:
        raise Fault(
            f"照片 {beginning} 已不在：{why}；单元上也许还有，请尽快取下",
            f"photo {beginning} is gone: {why}; its unit may still have it, fetch it there soon",
        )
    digest: str = found[0]
    return digest
