"""How each unit of the fleet stands: the live picture beside its place, its certificate, and whether it is retired."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec
import sqlalchemy as sa
from cryptography import x509
from msgspec import Struct

from gateway.fleet.certificates import end_ms
from gateway.fleet.roll import out_of_service
from gateway.lookup import UnitRow, unit_rows
from gateway.store.open import Store
from gateway.store.schema import certificates, configs


class Standing(Struct, frozen=True):
    """`place`: the checkpoint that its configuration names; `cert_end_ms`: until when its newest valid certificate
    holds; None: it has none. `out`: why it was put out of service; None: it was not, or has papers again."""

    row: UnitRow
    place: str | None
    cert_end_ms: int | None
    out: str | None = None

    @property
    def unit(self) -> str:
        """Its name."""
        return self.row.unit


class Filter(Struct, frozen=True):
    """Which units are wanted: by name (shell patterns; none: all), and by what is the matter with them.

    `retired`: those that were put out of service too.
    """

    names: tuple[str, ...] = ()
    offline: bool = False
    alarm: bool = False
    version: str | None = None
    retired: bool = False

    def takes(self, one: Standing) -> bool:
        """Whether `one` is wanted."""
        row = one.row
        named = not self.names or any(fnmatchcase(row.unit, name) for name in self.names)
        wrong = (self.offline and row.online) or (self.alarm and not row.broken)
        shown = named and (self.retired or one.out is None)
        return shown and not wrong and self.version in (None, row.version)


class _Placed(Struct):
    place: str | None = None


class _Config(Struct):
    config: _Placed


def standings(store: Store, now_ms: int) -> list[Standing]:
    """Every unit that was ever heard of or configured, by name."""
    rows = unit_rows(store, now_ms)
    with store.reading() as connection:
        places, ends = _places(connection), _ends(connection)
        out = out_of_service(connection)
    return [
        Standing(row, places.get(row.unit), ends.get(row.unit), out.get(row.unit)) for row in rows
    ]


def _places(connection: sa.Connection) -> Mapping[str, str | None]:
    newest = sa.select(configs.c.unit, sa.func.max(configs.c.version).label("version"))
    newest_of = newest.group_by(configs.c.unit).subquery()
    both = sa.and_(configs.c.unit == newest_of.c.unit, configs.c.version == newest_of.c.version)
    rows = connection.execute(sa.select(configs.c.unit, configs.c.body).join(newest_of, both))
    return {row.unit: _place(row.body) for row in rows}


def _place(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Config).config.place
    except msgspec.DecodeError:
        return None


def _ends(connection: sa.Connection) -> Mapping[str, int]:
    """Until when the certificate holds that each unit has; those that are out count no more."""
    c = certificates.c
    query = sa.select(c.unit, c.der).where(c.der.is_not(None), c.revoked_ms.is_(None))
    ends: dict[str, int] = {}
    for row in connection.execute(query.order_by(c.serial)):
        ends[row.unit] = end_ms(x509.load_der_x509_certificate(row.der))
    return ends


def chosen(found: Iterable[Standing], wanted: Filter) -> list[Standing]:
    """Those that are wanted."""
    return [one for one in found if wanted.takes(one)]
