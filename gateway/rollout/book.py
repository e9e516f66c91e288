"""Roll-outs as the store has them: begun, paused, gone on with; and each unit's part in one."""

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct, structs

from gateway.fleet.roll import out_of_service
from gateway.lookup import UnitRow, unit_rows
from gateway.releases.shelf import Published, listed
from gateway.rollout.plan import waves
from gateway.store.open import Store
from gateway.store.schema import orders, rollout_units, rollouts
from wire.release import rank
from wire.words import Fault

LIMIT_PCT = 2
"""Of the units, as many failures are allowed where no limit is given; one at the least."""


class Rollout(Struct, frozen=True):
    """One roll-out. `state`: `running`, `paused`, `stopped` (too many failed, see `why`) or `done`; `leaving` while its
    units go back, `left` when they have.

    `kind`: `software`, or `patches` of the operating system.
    """

    id: str
    version: str
    state: str
    why: str | None
    most_failures: int
    made_ms: int
    kind: str = "software"


class Part(Struct, frozen=True):
    """A unit's part in a roll-out; `order_id` None: it has none yet. `stage`: see `plan.Stage`; where all go back also
    `back` and, for who was never asked, `untouched`."""

    rollout: str
    unit: str
    sha256: str
    stage: str
    since_ms: int
    order_id: str | None = None
    why: str | None = None


class Chosen(Struct, frozen=True):
    """Which release each unit gets; and which units get none, and why."""

    units: dict[str, Published]
    left_out: dict[str, str]


def choose(store: Store, version: str, only: Sequence[str], now_ms: int) -> Chosen:
    """The units (`only` these, where any are named) that `version` is for. Raises `Fault` for an unknown name."""
    by_machine = {one.machine: one for one in listed(store, version)}
    if not by_machine:
        raise Fault(
            f"版本 {version} 未发布；请先运行 xunkong release publish",
            f"version {version} was not published; run xunkong release publish first",
        )
    rows = {row.unit: row for row in unit_rows(store, now_ms)}
    for unit in only:
        if unit not in rows:
            raise Fault(f"没有单元 {unit}", f"there is no unit {unit}; xunkong gateway units")
    with store.reading() as connection:
        retired = out_of_service(connection)
    units, left_out = {}, {}
    for unit in only or rows:
        why = "retired" if unit in retired else _why_not(rows[unit], version, by_machine)
        if why is None:
            units[unit] = by_machine[rows[unit].machine or ""]
        else:
            left_out[unit] = why
    return Chosen(units, left_out)


def _why_not(row: UnitRow, version: str, by_machine: dict[str, Published]) -> str | None:
    if row.machine is None:
        return "takes no updates: never heard of, or not provisioned for them"
    release = by_machine.get(row.machine)
    if release is None:
        return f"version {version} was not published for {row.machine}"
    return (_why_no_patches if release.kind == "patches" else _why_no_software)(row, release)


def _why_no_software(row: UnitRow, release: Published) -> str | None:
    try:
        if row.version and rank(row.version) >= rank(release.version):
            return f"runs {row.version}"
        if row.version and rank(row.version) < rank(release.least):
            return f"runs {row.version}; {release.version} follows {release.least}"
    except ValueError:
        return f"runs {row.version}, which is no release"
    return None


def _why_no_patches(row: UnitRow, release: Published) -> str | None:
    """What a unit says of its patches is a name of its own choice."""
    if row.patches is None:
        return "takes no patches: run xunkong provision on it again"
    try:
        return f"has patches {row.patches}" if rank(row.patches) >= rank(release.version) else None
    except ValueError:
        return f"has patches {row.patches}, which is no version"


def begin(store: Store, version: str, chosen: Chosen, limit: int | None, now_ms: int) -> Rollout:
    """Begins one, in place of one that was paused or stopped. Raises `Fault` while another runs."""
    held = newest(store)
    if held and held.state == "running":
        raise Fault(
            f"版本 {held.version} 正在分批更新；请先运行 xunkong fleet pause",
            f"version {held.version} is being rolled out; run xunkong fleet pause first",
        )
    if not chosen.units:
        why = "; ".join(f"{unit}: {why}" for unit, why in list(chosen.left_out.items())[:3])
        raise Fault(
            f"没有可更新的单元（{why}）", f"no unit is to be updated ({why or 'none is known'})"
        )
    most = max(1, len(chosen.units) * LIMIT_PCT // 100) if limit is None else limit
    kind = next(iter(chosen.units.values())).kind
    made = Rollout(f"r-{secrets.token_hex(6)}", version, "running", None, most, now_ms, kind)
    with store.changing() as connection:
        over = rollouts.update().where(rollouts.c.state.in_(("paused", "stopped", "leaving")))
        connection.execute(over.values(state="done", why="another one took its place"))
        connection.execute(rollouts.insert().values(**_fields(made)))
        parts = [
            _fields(Part(made.id, unit, release.sha256, "waiting", now_ms))
            for unit, release in chosen.units.items()
        ]
        connection.execute(rollout_units.insert(), parts)
    return made


def _fields(one: Struct) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def newest(store: Store) -> Rollout | None:
    """The one that was begun last."""
    query = sa.select(rollouts).order_by(rollouts.c.made_ms.desc(), rollouts.c.id).limit(1)
    with store.reading() as connection:
        row = connection.execute(query).first()
    return Rollout(*row) if row else None


def parts_of(connection: sa.Connection, rollout: str) -> list[Part]:
    """Every unit's part, in the order in which they are taken."""
    query = sa.select(rollout_units).where(rollout_units.c.rollout == rollout)
    return [Part(*row) for row in connection.execute(query.order_by(rollout_units.c.unit))]


def pause(store: Store) -> Rollout:
    """No further unit is asked; those under way go on. Raises `Fault` where none runs."""
    return _set(store, ("running",), "paused", None)


def resume(store: Store, limit: int | None, now_ms: int) -> Rollout:
    """Goes on with one that was paused or stopped; what failed is tried again. Raises `Fault` where there is none."""
    made = _set(store, ("paused", "stopped"), "running", limit)
    failed = rollout_units.update().where(
        rollout_units.c.rollout == made.id, rollout_units.c.stage == "failed"
    )
    with store.changing() as connection:
        connection.execute(failed.values(stage="waiting", order_id=None, since_ms=now_ms))
    return made


def _set(store: Store, before: Sequence[str], state: str, limit: int | None) -> Rollout:
    held = newest(store)
    if held is None or held.state not in before:
        now = held.state if held else "none"
        raise Fault(
            f"没有可变更的分批更新（现为 {now}）；见 xunkong fleet status",
            f"there is no roll-out to change that way (now: {now}); see xunkong fleet status",
        )
    values: dict[str, Any] = {"state": state, "why": None}
    if limit is not None:
        values["most_failures"] = limit
    with store.changing() as connection:
        connection.execute(rollouts.update().where(rollouts.c.id == held.id).values(**values))
    return Rollout(
        held.id,
        held.version,
        state,
        None,
        values.get("most_failures", held.most_failures),
        held.made_ms,
        held.kind,
    )


def leave(store: Store, now_ms: int) -> Rollout:
    """Has every unit go back that was asked so far; ingest gives the orders. Of one that was left already: those
    that failed to are asked again. Raises `Fault` where nobody is to be asked."""
    held = newest(store)
    if held is None or held.kind == "patches":
        raise _no_way_back(held)
    again = held.state in ("leaving", "left")
    with store.writing() as connection:
        parts = parts_of(connection, held.id)
        wanted = [part for part in parts if (part.stage == "failed" if again else part.order_id)]
        if not wanted:
            raise _nobody_to_ask(held, again)
        connection.execute(_of(held.id).values(state="leaving", why=None))
        for part in parts:
            if part in wanted:
                withdrawn = orders.update().where(orders.c.id == part.order_id)
                connection.execute(withdrawn.values(expires_ms=now_ms))
                put(connection, part, stage="waiting", order_id=None, since_ms=now_ms, why=None)
            elif not again:
                put(connection, part, stage="untouched", since_ms=now_ms)
    return structs.replace(held, state="leaving", why=None)


def _of(rollout: str) -> sa.Update:
    return rollouts.update().where(rollouts.c.id == rollout)


def _no_way_back(held: Rollout | None) -> Fault:
    if held is None:
        return Fault(
            "还没有分批更新；可用 --unit 指定单元",
            "there was no roll-out yet; name units by --unit",
        )
    return Fault(
        "系统补丁没有退路；请用 xunkong fleet pause 停止，再处理失败的单元",
        "patches of the operating system have no way back: stop them by xunkong fleet pause, and see to the units "
        "that failed",
    )


def _nobody_to_ask(held: Rollout, again: bool) -> Fault:
    if again:
        return Fault(
            f"版本 {held.version} 已退回；见 xunkong fleet status；可用 --unit 指定单元",
            f"version {held.version} is rolled back already, see xunkong fleet status; name units by --unit",
        )
    return Fault(
        "没有更新过的单元；可用 --unit 指定",
        "no unit was updated by the roll-out; name units by --unit",
    )


def take_out(store: Store, units: Sequence[str], why: str, now_ms: int) -> None:
    """These count as failed in the roll-out that is not over, if they are in it."""
    with store.writing() as connection:
        open_ones = sa.select(rollouts.c.id).where(
            rollouts.c.state.in_(("running", "paused", "stopped"))
        )
        for rollout in connection.execute(open_ones).scalars().all():
            for part in parts_of(connection, rollout):
                if part.unit in units:
                    put(connection, part, stage="failed", order_id=None, since_ms=now_ms, why=why)


def put(connection: sa.Connection, part: Part, **values: Any) -> None:
    """Keeps a part as it is now, or with other `values`."""
    which = (rollout_units.c.rollout == part.rollout) & (rollout_units.c.unit == part.unit)
    kept = {name: getattr(part, name) for name in ("stage", "since_ms", "order_id", "why")}
    connection.execute(rollout_units.update().where(which).values(**kept | values))


def wave_of(count: int, done: int) -> str:
    """`2/4`: the wave that is under way, of how many."""
    targets = waves(count)
    number = sum(target <= done for target in targets) + 1
    return f"{min(number, len(targets))}/{len(targets)}"
