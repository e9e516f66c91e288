"""`xunkong gateway order send|list`: what a commander wants of a unit, and what became of it."""

import argparse
import time

import msgspec

from gateway.care.waiting import expected, in_service
from gateway.orders import VALID_S, give, listed
from gateway.show import utc
from gateway.terminal import leaf, opened, print_rows
from wire.commands import Commands
from wire.orders import UNATTENDED
from wire.words import Fault, Words

WHAT = Words(
    "photo（拍照）、locate（报告位置）、reboot（重启）、sos-over（解除 SOS）、update（更新；xunkong fleet update）、"
    "rollback（回到另一槽的版本）；"
    "text 由岗亭人员确认",
    "photo, locate (say where it is), reboot, sos-over (the distress is over), update (xunkong fleet update), "
    "rollback (to the software in the other slot); text is acknowledged by the person at the box",
)
TEXT = "text"
ONLY_BY_FLEET = {"retire", "logs", "selftest"}
"""More is to be done beside the order: `xunkong fleet` does it."""

KNOWN = UNATTENDED - ONLY_BY_FLEET | {TEXT}


def order_commands(commands: Commands) -> None:
    """Declares them."""
    group = commands.group("order", Words("给单元的命令", "orders to a unit"))
    words = Words("下达命令", "give an order")
    send = leaf(group, "send", words, order_send, "order ", " --unit cp-01 photo")
    send.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))
    send.add_argument("what", metavar="WHAT", help=group.say(WHAT.zh, WHAT.en))
    send.add_argument("text", nargs="?", metavar="TEXT", help=group.say("说明", "in words"))
    said = group.say(f"有效秒数，缺省 {VALID_S}", f"seconds it is good for; {VALID_S} if left out")
    send.add_argument("--valid-s", type=float, default=VALID_S, metavar="N", help=said)
    show = leaf(
        group, "list", Words("命令与结果", "orders, and their outcome"), order_list, "order "
    )
    show.add_argument("--unit", metavar="U", help=group.say("只看这个单元", "of this unit only"))


def order_send(args: argparse.Namespace) -> int:
    """Keeps the order; ingest publishes it as soon as the unit can be reached. Raises `Fault` for who never can."""
    _check(args.what, args.text)
    with opened(args) as (_, store):
        expected(store, args.unit)
        in_service(store, [args.unit])
        order = give(store, args.unit, args.what, args.text, args.valid_s)
    return print_rows(args, [{"id": order, "unit": args.unit, "what": args.what}])


def _check(what: str, text: str | None) -> None:
    """A slip of the pen is no order to whoever stands at the box."""
    if what not in KNOWN:
        known = "、".join(sorted(KNOWN)), ", ".join(sorted(KNOWN))
        raise Fault(
            f"没有 {what!r} 这种命令；应为 {known[0]}；其他事项请用 text",
            f"there is no order {what!r}; give {known[1]}; for anything else use text",
        )
    if what == TEXT and not text:
        raise Fault(
            'text 需要内容；例如 text "请回所"', 'text needs TEXT; for example: text "come in"'
        )


def order_list(args: argparse.Namespace) -> int:
    """Prints every order."""
    now_ms = time.time_ns() // 1_000_000
    with opened(args) as (config, store):
        rows = []
        for order in listed(store, args.unit):
            row = msgspec.structs.asdict(order)
            if order.outcome is None:
                row["outcome"] = "waiting" if order.expires_ms > now_ms else "expired"
            if not args.json:
                for name in ("issued_ms", "expires_ms"):
                    row[name.removesuffix("_ms")] = utc(row.pop(name) / 1000, config.zone())
            rows.append(row)
    return print_rows(args, rows)
