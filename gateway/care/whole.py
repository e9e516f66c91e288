"""`xunkong fleet show`: one unit in whole: parts, clock, queue, link, certificate, versions, orders, last records."""

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.care.listing import ago, as_row, state_of, until
from gateway.care.standing import Standing, standings
from gateway.care.waiting import known
from gateway.config import GatewayConfig
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.roll import entries
from gateway.lookup import Wanted, found_records
from gateway.orders import Given, listed
from gateway.rollout import book
from gateway.show import record_time, utc
from gateway.store.open import Store
from gateway.terminal import leaf, opened, print_line, print_rows
from wire.commands import Commands
from wire.words import Language, Words, printable

LAST = 10
"""Records that are shown."""

ORDERS = 5
"""Orders beside those that are open."""


def show_command(commands: Commands) -> None:
    """Declares it."""
    words = Words("一个单元的全部情况", "everything about one unit")
    parser = leaf(commands, "show", words, fleet_show, needs=" cp-01", room="fleet")
    parser.add_argument("unit", metavar="UNIT", help=commands.say("单元", "the unit"))


def fleet_show(args: argparse.Namespace) -> int:
    """Prints it."""
    now = now_ms()
    with opened(args) as (config, store):
        known(store, [args.unit])
        one = next(one for one in standings(store, now) if one.unit == args.unit)
        row = _row(one, store, now)
        if args.json:
            return print_rows(args, [row])
        lines = map(printable, _lines(one, row, args.language, now, config))
        return print_line("\n".join(lines))


def _row(one: Standing, store: Store, now: int) -> dict[str, Any]:
    row, unit = one.row, one.unit
    given = listed(store, unit)
    held = [entry for entry in entries(store, unit) if entry.revoked_ms is None]
    return {
        **as_row(one),
        "machine": row.machine,
        "patches": row.patches,
        "position": None if row.lat is None else [row.lat, row.lon],
        "fix_age_s": row.fix_age_s,
        "crew": row.crew,
        "clock": row.clock,
        "config": row.config,
        "config_wanted": row.config_wanted,
        "health": row.health,
        "certificate": held[-1].serial if held else None,
        "release": _release(store, unit),
        "orders": [_order(order, now) for order in _shown(given, now)],
        "records": list(found_records(store, Wanted(unit, newest=LAST))),
    }


def _release(store: Store, unit: str) -> dict[str, Any] | None:
    """Its part in the newest roll-out; None where it has none."""
    held = book.newest(store)
    if held is None:
        return None
    with store.reading() as connection:
        parts = {part.unit: part for part in book.parts_of(connection, held.id)}
    part = parts.get(unit)
    if part is None:
        return None
    return {"version": held.version, "stage": part.stage, "why": part.why}


def _shown(given: list[Given], now: int) -> list[Given]:
    """Those that are open, and the newest."""
    newest = given[-ORDERS:]
    waiting = [one for one in given if one.outcome is None and one.expires_ms > now]
    return [one for one in given if one in newest or one in waiting]


def _order(order: Given, now: int) -> dict[str, Any]:
    row = msgspec.structs.asdict(order)
    if order.outcome is None:
        row["outcome"] = "waiting" if order.expires_ms > now else "expired"
    return row


# In a terminal


def _lines(
    one: Standing, row: dict[str, Any], language: Language, now: int, config: GatewayConfig
) -> Iterator[str]:
    seen = one.row
    release = row["release"]
    facts = [
        (Words("单元", "unit"), f"{one.unit}  {seen.role or '-'}  {one.place or ''}"),
        (
            Words("状态", "state"),
            f"{state_of(one).say(language)}, {_ago(seen.heard_age_s, language)}",
        ),
        (Words("版本", "version"), f"{seen.version or '-'}  {seen.machine or ''}"),
        (
            Words("发行", "release"),
            " ".join(str(v) for v in release.values() if v) if release else "-",
        ),
        (Words("系统补丁", "patches"), seen.patches or "-"),
        (Words("配置", "config"), f"{seen.config or '-'} / {seen.config_wanted or '-'}"),
        (Words("时钟", "clock"), seen.clock or "-"),
        (Words("位置", "position"), _position(one, language)),
        (Words("班组", "crew"), ", ".join(seen.crew) or "-"),
        (Words("待传", "queue"), _pairs(seen.queue)),
        (Words("证书", "certificate"), _certificate(one, row, now, language, config)),
        *_health(one),
    ]
    for name, said in facts:
        yield _fact(name.say(language), said)
    if one.out is not None:
        yield _fact(Words("退役", "retired").say(language), one.out)
    for line in seen.broken:
        yield _fact(Words("异常", "alarm").say(language), line)
    for order in row["orders"]:
        at = utc(order["issued_ms"] / 1000, config.zone())
        said = f"{at}  {order['what']}  {order['outcome']}  {order['why'] or ''}"
        yield _fact(Words("命令", "order").say(language), said)
    for found in row["records"]:
        time = record_time(found, language, config.zone())["time"]
        text = bytes(found["record"]).decode() if isinstance(found["record"], msgspec.Raw) else "?"
        yield _fact(Words("记录", "record").say(language), f"{time}  {text}")


def _fact(name: str, said: str) -> str:
    return f"{name:<12}  {said}".rstrip()


def _ago(age_s: float | None, language: Language) -> str:
    return Words(f"{ago(age_s, 'zh')}前", f"{ago(age_s, 'en')} ago").say(language)


def _pairs(some: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in some.items()) or "-"


def _position(one: Standing, language: Language) -> str:
    row = one.row
    if row.lat is None or row.lon is None:
        return "-"
    return f"{row.lat:.6f},{row.lon:.6f}, {_ago(row.fix_age_s, language)}"


def _certificate(
    one: Standing, row: dict[str, Any], now: int, language: Language, config: GatewayConfig
) -> str:
    if one.cert_end_ms is None:
        return until(None, now, language)
    day = utc(one.cert_end_ms / 1000, config.zone())[:10]
    return f"{row['certificate']}, {day} ({until(one.cert_end_ms, now, language)})"


def _health(one: Standing) -> Iterator[tuple[Words, str]]:
    health = one.row.health
    if health is None:
        return
    for name, word in health.parts.items():
        heard_s = health.heard_s.get(name)
        heard = "" if heard_s is None else f", {heard_s} s"
        yield Words(f"部件 {name}", f"part {name}"), f"{word}{heard}"
    yield Words("链路", "link"), health.link or "-"
    if health.modem:
        said = msgspec.json.encode(health.modem).decode()
        yield Words("网络", "modem"), said
    figures = {
        "cpu_c": health.cpu_c,
        "throttled": health.throttled,
        "disk_free_mb": health.disk_free_mb,
        "mem_free_mb": health.mem_free_mb,
    }
    said = ", ".join(f"{name} {value}" for name, value in figures.items() if value is not None)
    yield Words("机器", "machine"), said or "-"
