"""`xunkong gateway ca revoke`: a unit put out at once, or a signing key of the gateway's own that leaked."""

import argparse
from typing import Any

from gateway.config import GatewayConfig
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.fleet.by_hand import check_unit, key_folder, told_of
from gateway.fleet.folder import KeyFolder
from gateway.fleet.revocation import end_session, publish_list
from gateway.fleet.roll import is_known, signing_kids, strike_out, strike_out_keys
from gateway.fleet.site_keys import renew
from gateway.keys import GatewayKeys
from gateway.store.open import Store
from gateway.terminal import leaf, moment_ms, opened, print_rows
from wire.commands import Commands
from wire.words import Fault, Words


def revoke_command(group: Commands) -> None:
    """Declares it."""
    words = Words("立即吊销单元，并结束其连接", "put a unit out at once, its live session too")
    add = leaf(group, "revoke", words, ca_revoke, "ca ", " --unit cp-01 --why stolen")
    who = add.add_mutually_exclusive_group(required=True)
    who.add_argument("--unit", metavar="U", help=group.say("单元", "the unit"))
    said = group.say(
        "网关自己泄露的签名密钥；换上新密钥", "the gateway's leaked key; a new one is made"
    )
    who.add_argument("--own", choices=("signing",), help=said)
    said = group.say(
        "只吊销此证书的密钥；缺省全部", "the key of this certificate only; all if left out"
    )
    add.add_argument("--serial", metavar="S", help=said)
    said = group.say(
        "自此时刻起不再算数；缺省现在", "what came since then counts no more; now if left out"
    )
    add.add_argument("--since", metavar="T", help=said)
    add.add_argument("--why", required=True, metavar="TEXT", help=group.say("原因", "the reason"))


def ca_revoke(args: argparse.Namespace) -> int:
    """Puts a unit out; what is done already stays done when a later step fails."""
    if args.own:
        return _revoke_own(args)
    if args.serial or args.since:
        raise Fault("--serial 与 --since 需要 --own", "--serial and --since need --own")
    check_unit(args.unit)
    with opened(args) as (config, store):
        with store.reading() as connection:
            known = is_known(connection, args.unit)
        row = put_out(config, store, args.unit, args.why)
    if not known:
        raise Fault(
            f"不认识单元 {args.unit}：请核对名称；若确有此单元，它此后出示的旧证书一律作废",
            f"no unit {args.unit} is known: check the name; should there be one all the same, any "
            "certificate made for it so far is out when it shows itself",
        )
    return print_rows(args, [row])


def put_out(config: GatewayConfig, store: Store, unit: str, why: str) -> dict[str, Any]:
    """Revokes all that `unit` has, its codes too, and ends its session; what was done, for a row. Raises `Fault`."""
    folder = key_folder(config)
    with store.changing() as connection:
        count = strike_out(connection, unit, why, now_ms())
    publish_list(folder, store)
    broker = BrokerFolder(config)
    broker.keep_passwords(store, now_ms())
    told = broker.reload()
    _end_sessions(config, folder, unit)
    return {"unit": unit, "revoked": count, "broker": told_of(told), "session": "ended"}


def _revoke_own(args: argparse.Namespace) -> int:
    """Strikes out signing keys that were given so far; the one in use gives way to a new one first."""
    with opened(args) as (config, store):
        folder, at_ms = key_folder(config), now_ms()
        since_ms = moment_ms("--since", args.since, config)
        kids = signing_kids(store, args.serial)
        in_use = GatewayKeys(folder.path).kid
        if in_use in kids:
            renew(folder, store, args.own, config.authority.server_days, at_ms)
        with store.changing() as connection:
            since_ms = at_ms if since_ms is None else min(since_ms, at_ms)
            count = strike_out_keys(connection, kids, args.why, since_ms)
        publish_list(folder, store)
        told = BrokerFolder(config).reload()
        new = GatewayKeys(folder.path)
    row = {"own": args.own, "revoked": count, "broker": told_of(told), "signs": new.kid}
    return print_rows(args, [row])


def _end_sessions(config: GatewayConfig, folder: KeyFolder, unit: str) -> None:
    """At every broker, though one of them be away; the first fault is raised at the end."""
    faults = []
    for broker in config.broker:
        try:
            end_session(broker, folder.login, unit)
        except Fault as exc:
            faults.append(exc)
    if faults:
        raise faults[0]
