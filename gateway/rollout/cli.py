"""`xunkong fleet`: a release over all units in waves; how it stands, a pause, and the way back. Care for single units
is in `gateway.care`."""

import argparse
from typing import Any

from gateway.care.cli import care_commands
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.roll import out_of_service
from gateway.lookup import UnitRow, unit_rows
from gateway.orders import LONGEST_S, give
from gateway.rollout import book
from gateway.rollout.book import Part, Rollout
from gateway.store.open import Store
from gateway.terminal import leaf, opened, print_rows
from wire.commands import Commands, Run
from wire.words import Fault, Words


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words(
        "各单元的版本，分批更新的进展", "each unit's version, and how the roll-out stands"
    )
    _leaf(commands, "status", words, status)
    words = Words(
        "分批更新软件或系统补丁：1 台、10 台、十分之一、全部；对已暂停的同一版本则继续",
        "roll a version (software, or patches) out: one unit, ten, a tenth, all; goes on with one of "
        "that version that was paused or stopped",
    )
    parser = _leaf(commands, "update", words, update, " --version 0.2.0")
    said = commands.say("已发布的版本", "a version that was published")
    parser.add_argument("--version", required=True, metavar="V", help=said)
    said = commands.say(
        "允许失败的台数；缺省为百分之二，至少 1",
        "failures allowed; one in fifty if left out, 1 at least",
    )
    parser.add_argument("--limit", type=int, metavar="N", help=said)
    _units(commands, parser)
    words = Words(
        "暂停：不再更新其他单元；进行中的继续", "ask no further unit; those under way go on"
    )
    _leaf(commands, "pause", words, pause)
    words = Words(
        "让已更新或正在更新的单元退回原版本，并结束分批更新；用 --unit 则只退回指定单元",
        "all units that the roll-out has asked leave its version, at any stage; ends it. With --unit: these "
        "alone leave the version that they run",
    )
    _units(commands, _leaf(commands, "rollback", words, rollback))
    care_commands(commands)


def _leaf(
    commands: Commands, name: str, words: Words, run: Run, needs: str = ""
) -> argparse.ArgumentParser:
    return leaf(commands, name, words, run, needs=needs, room="fleet")


def _units(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("只对这些单元，可多次", "these units only; again for more")
    parser.add_argument("--unit", action="append", default=[], metavar="U", help=said)


def status(args: argparse.Namespace) -> int:
    """1 where too many failed, or one did not go back. A retired unit is shown where it has a part in the roll-out."""
    with opened(args) as (_, store):
        held, parts = _held(store)
        rows = unit_rows(store, now_ms())
        with store.reading() as connection:
            out = out_of_service(connection)
    summary = [_summary(held, parts)] if held else []
    by_unit = {part.unit: part for part in parts}
    shown = [row for row in rows if row.unit in by_unit or row.unit not in out]
    print_rows(args, [*summary, *(_row(row, by_unit.get(row.unit)) for row in shown)])
    failed = any(part.stage == "failed" for part in parts)
    bad = held and (held.state == "stopped" or (held.state in ("leaving", "left") and failed))
    return 1 if bad else 0


def _held(store: Store) -> tuple[Rollout | None, list[Part]]:
    held = book.newest(store)
    with store.reading() as connection:
        return held, book.parts_of(connection, held.id) if held else []


def _summary(held: Rollout, parts: list[Part]) -> dict[str, Any]:
    stages = ("done", "failed", "back")
    count = {stage: sum(part.stage == stage for part in parts) for stage in stages}
    going_back = held.state in ("leaving", "left")
    return {
        "rollout": held.id,
        "version": held.version,
        "kind": held.kind,
        "state": held.state,
        "why": held.why,
        "wave": None if going_back else book.wave_of(len(parts) - count["failed"], count["done"]),
        "units": len(parts),
        **count,
        "limit": held.most_failures,
    }


def _row(row: UnitRow, part: Part | None) -> dict[str, Any]:
    return {
        "unit": row.unit,
        "online": row.online,
        "version": row.version,
        "patches": row.patches,
        "machine": row.machine,
        "stage": part.stage if part else None,
        "why": part.why if part else None,
    }


def update(args: argparse.Namespace) -> int:
    """Begins a roll-out, or goes on with it; ingest carries it out. Units that are left out are listed."""
    if args.limit is not None and args.limit < 0:
        raise Fault("--limit 不能为负", "--limit must not be negative")
    with opened(args) as (_, store):
        held = book.newest(store)
        if held and held.version == args.version and held.state in ("paused", "stopped"):
            if args.unit:
                raise Fault(
                    "继续已有的分批更新时不能指定 --unit",
                    "a roll-out that is gone on with has its units: leave --unit out",
                )
            made, left_out = book.resume(store, args.limit, now_ms()), {}
        else:
            chosen = book.choose(store, args.version, args.unit, now_ms())
            made, left_out = (
                book.begin(store, args.version, chosen, args.limit, now_ms()),
                chosen.left_out,
            )
        _, parts = _held(store)
    out = [{"unit": unit, "left_out": why} for unit, why in left_out.items()]
    return print_rows(args, [_summary(made, parts), *out])


def pause(args: argparse.Namespace) -> int:
    """Asks no further unit."""
    with opened(args) as (_, store):
        book.pause(store)
        held, parts = _held(store)
        assert held
    return print_rows(args, [_summary(held, parts)])


def rollback(args: argparse.Namespace) -> int:
    """All units that the roll-out asked, or those that are named; `fleet status` shows what comes of it."""
    with opened(args) as (_, store):
        if not args.unit:
            made = book.leave(store, now_ms())
            _, parts = _held(store)
            return print_rows(args, [_summary(made, parts)])
        runs = {row.unit: row.version for row in unit_rows(store, now_ms())}
        for unit in args.unit:
            if unit not in runs:
                raise Fault(f"没有单元 {unit}", f"there is no unit {unit}; see xunkong fleet list")
        book.take_out(store, args.unit, "rolled back by hand", now_ms())
        rows = [
            {"unit": unit, "order": give(store, unit, "rollback", runs[unit], LONGEST_S)}
            for unit in args.unit
        ]
    return print_rows(args, rows)
