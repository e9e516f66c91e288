"""`xunkong fleet retire`: a unit out of service: wiped where it can be reached, and put out in any case."""

import argparse
from collections.abc import Iterator
from typing import Any

from gateway.care.standing import standings
from gateway.care.waiting import Errand, known, ordered, outcome_row, outcome_words
from gateway.config import GatewayConfig
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.by_hand import key_folder
from gateway.fleet.revoke_commands import put_out
from gateway.fleet.roll import out_since_ms
from gateway.roster import keyed
from gateway.show import utc
from gateway.store.open import Store
from gateway.terminal import leaf, opened, print_line, print_rows
from gateway.unit_config import newest
from wire.commands import Commands
from wire.words import Words, printable

WAIT_S = 180
"""A unit sends what it has left for two minutes at most, wipes, and answers."""


def retire_command(commands: Commands) -> None:
    """Declares it."""
    words = Words(
        "退役：清除单元上的密钥并吊销；被盗用 --stolen",
        "out of service: its keys are wiped, and it is put out; for a stolen one --stolen",
    )
    parser = leaf(commands, "retire", words, retire, needs=" cp-01 --why scrapped", room="fleet")
    parser.add_argument("unit", metavar="UNIT", help=commands.say("单元", "the unit"))
    said = commands.say("原因", "the reason")
    parser.add_argument("--why", required=True, metavar="TEXT", help=said)
    said = commands.say(
        "被盗或丢失：不等待清除，立即吊销", "stolen or lost: not wiped first, but put out at once"
    )
    parser.add_argument("--stolen", action="store_true", help=said)
    said = commands.say(
        f"等待清除的秒数，缺省 {WAIT_S}", f"seconds to wait for the wiping; {WAIT_S} if left out"
    )
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="S", help=said)
    parser.set_defaults(no_wait=False)


def retire(args: argparse.Namespace) -> int:
    """Wipes and revokes. 1 where it was to be wiped, and nobody knows that it was."""
    with opened(args) as (config, store):
        known(store, [args.unit])
        key_folder(config).issuer()  # what cannot be put out is not wiped either
        with store.reading() as connection:
            since_ms = out_since_ms(connection, args.unit)
        wiped = _wiped(args, store) if since_ms is None else None
        row = put_out(config, store, args.unit, args.why)
        held = _held(config, store, args.unit)
    out_since = None if since_ms is None else utc(since_ms / 1000, config.zone())[:10]
    told = _told(args, wiped, out_since)
    is_wiped = wiped is not None and wiped.done
    todo = list(_todo(held, args.unit, is_wiped))
    if args.json:
        order = outcome_row(wiped) if wiped else {}
        said = {
            **order,
            **row,
            "wiped": is_wiped,
            "out_since_ms": since_ms,
            **held,
            "todo": [words.en for words in todo],
        }
        print_rows(args, [said])
    else:
        print_line(printable(f"{args.unit}: {_said(told, row).say(args.language)}"))
        for words in todo:
            print_line(f"  - {words.say(args.language)}")
    return 0 if is_wiped or args.stolen else 1


def _wiped(args: argparse.Namespace, store: Store) -> Errand | None:
    """The order and what came of it; None where there was no use in one."""
    online = any(one.unit == args.unit and one.row.online for one in standings(store, now_ms()))
    if args.stolen or not online:
        return None
    return ordered(args, store, [args.unit], "retire", None)[0]


def _told(args: argparse.Namespace, wiped: Errand | None, out_since: str | None) -> Words:
    """What became of the wiping. `out_since`: the day since which it is out; who is out hears no order."""
    if wiped is not None:
        return outcome_words(wiped)
    if out_since is not None:
        return Words(f"{out_since} 起已停用，这次未清除", f"out since {out_since}, not wiped now")
    if args.stolen:
        return Words("未清除（--stolen）", "not wiped (--stolen)")
    return Words("未清除（离线）", "not wiped (offline)")


def _said(told: Words, row: dict[str, Any]) -> Words:
    out = Words(
        f"已吊销 {row['revoked']} 张证书，连接已断开；记录保留",
        f"{row['revoked']} certificates are revoked, its session is ended; its records are kept",
    )
    return Words(f"{told.zh}；{out.zh}", f"{told.en}; {out.en}")


# What lies on a box that was not wiped


def _held(config: GatewayConfig, store: Store, unit: str) -> dict[str, Any]:
    """How many badges it knew by digest, of how many cards it had the keys, and whether the key that shows UIDs."""
    message = newest(store, unit)
    badges = message.config.badges if message else []
    cards = keyed(badges, now_ms())
    reads = config.cards.sealed_picc and any(family == "ntag424" for _, family in cards)
    return {"badges": len(badges), "card_keys": len(cards), "picc_key": reads}


def _todo(held: dict[str, Any], unit: str, is_wiped: bool) -> Iterator[Words]:
    if is_wiped:
        return
    yield Words(
        "机箱若找回：重新部署，或销毁其存储卡；卡上密钥由本机加密，须视为已泄露",
        "should the box come back: provision it anew, or destroy its card; take the keys on it as known to others",
    )
    if held["card_keys"]:
        yield Words(
            f"它持有 {held['card_keys']} 张卡的密钥（主密钥不在其中）：换主密钥 xunkong card keys next，"
            "重写这些卡，再 xunkong card keys retire",
            f"it held the keys of {held['card_keys']} cards (not the master key): a new master key by xunkong "
            "card keys next, personalise these cards anew, then xunkong card keys retire",
        )
    if held["picc_key"]:
        yield Words(
            "它持有全站的 PICC 密钥，能看到卡的 UID（不能伪造）：随 card keys next 一同更换",
            "it held the site's PICC key, which shows cards' UIDs and proves nothing: `card keys next` renews it too",
        )
    if held["badges"]:
        yield Words(
            f"它记有 {held['badges']} 张卡的摘要，密钥为该单元独有，其他单元无须更换",
            f"it knew {held['badges']} badges as digests, by a key of its own: nothing to change elsewhere",
        )
    yield Words(
        "更换它所用的 Wi-Fi 密码与 SIM 卡；若它的系统允许密码登录且别处同用，也请更换",
        "change the Wi-Fi password and block the SIM that it used; its log-in password too, if others have the same",
    )
    yield Words(
        f"名称 {unit} 可由备机接替：xunkong provision host HOST --unit {unit}",
        f"a spare takes its name by xunkong provision host HOST --unit {unit}",
    )
