"""The live picture of all units, gathered in memory and written about once a second."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.schema import units
from wire import codec
from wire.live import LiveFix, Pos, State

MOST_UNITS = 10_000
"""Who holds a broker without an ACL can make names up without end; further ones are not shown."""


class _Unit(msgspec.Struct):
    online: bool = False
    boot: str | None = None
    conn: int | None = None
    state: bytes | None = None
    state_ms: int | None = None
    fix: bytes | None = None
    fix_ms: int | None = None


class Live:
    """What each unit last said of itself. A will of an older connection changes nothing."""

    def __init__(self, connection: Connection) -> None:
        self._units = {
            row.unit: _Unit(
                row.online, row.boot, row.conn, row.state, row.state_ms, row.fix, row.fix_ms
            )
            for row in connection.execute(sa.select(units))
        }
        self._dirty: set[str] = set()

    def state(self, unit: str, state: State, retained: bool, now_ms: int) -> None:
        """A `state` or a last will came; a retained one shows what was said, never that it is fresh."""
        held = self._held(unit)
        if held is None:
            return
        if not state.online:
            self._gone(unit, held, state)
            return
        held.online, held.boot, held.conn = True, state.boot, state.conn
        held.state = codec.encode(state)
        self._dirty.add(unit)
        if retained:
            return
        held.state_ms = now_ms
        if state.fix:
            self._fix(unit, state.fix, now_ms)

    def _held(self, unit: str) -> _Unit | None:
        if unit not in self._units and len(self._units) >= MOST_UNITS:
            return None
        return self._units.setdefault(unit, _Unit())

    def _gone(self, unit: str, held: _Unit, will: State) -> None:
        if held.boot is not None and (will.boot != held.boot or will.conn < (held.conn or 0)):
            return
        held.online, held.boot, held.conn = False, will.boot, will.conn
        self._dirty.add(unit)

    def pos(self, unit: str, pos: Pos, retained: bool, now_ms: int) -> None:
        """A position came; a retained one is never fresh."""
        if not retained:
            self._fix(unit, pos.fix, now_ms)

    def _fix(self, unit: str, fix: LiveFix, now_ms: int) -> None:
        held = self._held(unit)
        if held is None:
            return
        held.fix, held.fix_ms = msgspec.json.encode(fix), now_ms - fix.age_ms
        self._dirty.add(unit)

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._dirty)

    def write(self, connection: Connection) -> None:
        """Writes what changed; `written` is to be called once it is committed."""
        if not self._dirty:
            return
        insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        rows = [
            {"unit": unit, **msgspec.structs.asdict(self._units[unit])}
            for unit in sorted(self._dirty)
        ]
        statement = insert(units)
        names = [name for name in rows[0] if name != "unit"]
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["unit"], set_={name: statement.excluded[name] for name in names}
            ),
            rows,
        )

    def written(self) -> None:
        """The commit is done: only what changes from now on is to be written."""
        self._dirty.clear()
