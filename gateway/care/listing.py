"""`xunkong fleet list`: all units, a line each, with what a technician looks for first."""

import argparse
from typing import Any

from gateway.care.standing import Filter, Standing, chosen, standings
from gateway.care.table import table
from gateway.fleet.broker_folder import now_ms
from gateway.terminal import leaf, opened, print_line, print_rows
from wire.commands import Commands
from wire.words import Language, Words

DAY_MS = 86_400_000
SOON_DAYS = 14
"""A certificate that ends so soon is shown with `!`: the unit should have asked for the next one long ago."""

HEADS = (
    Words("单元", "UNIT"),
    Words("状态", "STATE"),
    Words("最近", "HEARD"),
    Words("版本", "VERSION"),
    Words("角色", "ROLE"),
    Words("地点", "PLACE"),
    Words("待传", "QUEUE"),
    Words("证书", "CERT"),
    Words("异常", "ALARMS"),
)


def list_command(commands: Commands) -> None:
    """Declares it."""
    words = Words("所有单元，每行一个", "all units, a line each")
    parser = leaf(commands, "list", words, fleet_list, needs=" 'cp-*' --offline", room="fleet")
    said = commands.say("单元名或模式，如 'cp-*'", "names or patterns, such as 'cp-*'")
    parser.add_argument("names", nargs="*", metavar="NAME", help=said)
    said = commands.say("只列离线的", "only those that are offline")
    parser.add_argument("--offline", action="store_true", help=said)
    said = commands.say("只列有异常的", "only those with an alarm")
    parser.add_argument("--alarm", action="store_true", help=said)
    said = commands.say("只列此版本的", "only those that run this version")
    parser.add_argument("--version", metavar="V", help=said)
    said = commands.say("包括已退役的", "those that are retired, too")
    parser.add_argument("--all", action="store_true", help=said)


def fleet_list(args: argparse.Namespace) -> int:
    """Prints the units that are asked for, and how many that are."""
    now = now_ms()
    wanted = Filter(tuple(args.names), args.offline, args.alarm, args.version, args.all)
    with opened(args) as (_, store):
        found = chosen(standings(store, now), wanted)
    if args.json:
        return print_rows(args, [as_row(one) for one in found])
    language = args.language
    lines = table([head.say(language) for head in HEADS], [_cells(o, now, language) for o in found])
    return print_line("\n".join([*lines, _sum(found).say(language)]))


def as_row(one: Standing) -> dict[str, Any]:
    """For machines: everything that is known."""
    row = one.row
    return {
        "unit": row.unit,
        "online": row.online,
        "heard_age_s": row.heard_age_s,
        "version": row.version,
        "role": row.role,
        "place": one.place,
        "alarms": row.broken,
        "queue": row.queue,
        "cert_end_ms": one.cert_end_ms,
        "retired": one.out,
    }


def _cells(one: Standing, now: int, language: Language) -> list[str]:
    row = one.row
    return [
        row.unit,
        state_of(one).say(language),
        ago(row.heard_age_s, language),
        row.version or "-",
        row.role or "-",
        one.place or "-",
        str(sum(row.queue.values())),
        until(one.cert_end_ms, now, language),
        "; ".join(row.broken) or "-",
    ]


def state_of(one: Standing) -> Words:
    """In a word."""
    if one.out is not None:
        return Words("退役", "retired")
    return Words("在线", "online") if one.row.online else Words("离线", "OFFLINE")


def ago(age_s: float | None, language: Language) -> str:
    """How long ago, in the one unit that says it; `-`: never."""
    if age_s is None:
        return "-"
    for size_s, words in (
        (86_400, Words("天", " d")),
        (3600, Words("小时", " h")),
        (60, Words("分", " min")),
    ):
        if age_s >= size_s:
            return f"{age_s / size_s:.0f}{words.say(language)}"
    return f"{max(age_s, 0):.0f}{Words('秒', ' s').say(language)}"


def until(end_ms: int | None, now: int, language: Language) -> str:
    """Days that a certificate still holds; `!` where that is no time."""
    if end_ms is None:
        return Words("无!", "none!").say(language)
    days = (end_ms - now) // DAY_MS
    said = Words("已过期", "over") if end_ms <= now else Words(f"{days}天", f"{days} d")
    return said.say(language) + ("!" if days < SOON_DAYS else "")


def _sum(found: list[Standing]) -> Words:
    online = sum(one.row.online for one in found)
    alarms = sum(bool(one.row.broken) for one in found)
    return Words(
        f"{len(found)} 台：在线 {online}，离线 {len(found) - online}，有异常 {alarms}",
        f"{len(found)} units: {online} online, {len(found) - online} offline, {alarms} with alarms",
    )
