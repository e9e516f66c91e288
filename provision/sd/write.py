"""What `xunkong provision sd` does: a plan of what is written where, which is then shown, or done."""

import argparse
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from provision.bundle.bundle import Bundle
from provision.bundle.choose import choose
from provision.host.command import site_of, wish_of
from provision.host.job import Wish
from provision.host.site import Site
from provision.kinds import kind_of
from provision.network.wanted import Network
from provision.sd.bookworm import cmdline, custom_toml
from provision.sd.card import AUTHORITY, SCRIPTS, UNIT, Card, card_text, script
from provision.sd.login import User
from provision.sd.partition import Partition
from provision.sd.trixie import meta_data, network_config, user_data
from wire.words import Fault, Words

ARCH = "aarch64"
"""Of the bundle that a folder is looked through for: a boot partition does not tell; a file may be for another."""

NOT_YET = "?"


class Plan(Struct, frozen=True):
    """`own`: files of our folder; `changed`: those beside it. Both by name; all but the first hold secrets."""

    os: str
    bundle: Path
    version: str
    own: Mapping[str, bytes]
    changed: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bundle.stat().st_size + sum(map(len, self.own.values()))


def make_plan(
    args: argparse.Namespace,
    partition: Partition,
    user: User,
    network: Network | None,
    code: str | None,
) -> Plan:
    """`code` None: the gateway's folder is at hand and gives one. Raises `Fault`."""
    site = site_of(args, code)
    wish = wish_of(args, site, network)
    os = args.os or partition.os()
    bundle = _bundle(args.bundle, os)
    changed = _changed(os, partition, wish, user)
    code = code or _new_code(args, site)
    key = wish.release_key or site.release_key()
    card = Card(
        unit=wish.unit,
        role=wish.role,
        zone=wish.zone,
        brokers=wish.brokers,
        code=code,
        parts=wish.parts,
        modem=network.modem if network else None,
        keys_only=bool(user.keys),
        model_file=wish.model_file,
        release_key=key.decode() if key else None,
    )
    own = {name: script(name) for name in SCRIPTS}
    own |= {AUTHORITY: site.authority(), UNIT: card_text(card)}
    return Plan(os, bundle.path, bundle.manifest.version, own, changed)


def carry_out(plan: Plan, partition: Partition, say: Callable[[int], None]) -> None:
    """What an earlier run wrote is put back first. Raises `Fault`."""
    if partition.begun():
        partition.undo()
    partition.check_room(plan.size)
    partition.write(plan.own, plan.bundle, plan.changed, say)


def row(args: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """For machines."""
    return {
        "unit": args.unit,
        "os": plan.os,
        "bundle": str(plan.bundle),
        "version": plan.version,
        "writes": [*plan.changed, *(f"xunkong/{name}" for name in (*plan.own, "bundle.zip"))],
        "mb": round(plan.size / 1e6, 1),
        "dry_run": args.dry_run,
    }


def lines(args: argparse.Namespace, plan: Plan) -> list[Words]:
    """For people: what was, or would be, written, and what happens next."""
    names = " ".join(row(args, plan)["writes"])
    dry = args.dry_run
    written = Words("将写入" if dry else "已写入", "would write" if dry else "wrote")
    head = f"{args.partition} ({plan.os}, {plan.version}, {plan.size / 1e6:.1f} MB)"
    what = [Words(f"{written.zh} {head}：{names}", f"{written.en} {head}: {names}")]
    if dry:
        return what
    return [
        *what,
        Words(
            "弹出卡，装入机器，接好网络后通电；约五到十分钟后在网关 xunkong gateway units 中可见",
            "eject the card, put it into the machine, connect its network, switch it on; in five to ten minutes "
            "xunkong gateway units shows it at the gateway",
        ),
        Words(
            f"结果写在卡上 xunkong/{args.unit}.html；撤销：xunkong provision sd {args.partition} --undo",
            f"what came of it stands on the card, xunkong/{args.unit}.html; before it is used, "
            f"xunkong provision sd {args.partition} --undo takes it all back",
        ),
    ]


def _bundle(path: Path, os: str) -> Bundle:
    bundle = choose(path, kind_of(os, ARCH)) if path.is_dir() else Bundle(path)
    if bundle.manifest.os != os:
        raise Fault(
            f"{path} 为 {bundle.manifest.kind}，卡上是 {os}；请换部署包",
            f"{path} is for {bundle.manifest.kind}, the card has {os}; give another bundle",
        )
    if not bundle.names("tools"):
        raise Fault(
            f"{bundle.path} 没有首次启动所需的工具；请重新制作部署包",
            f"{bundle.path} lacks the tools of a first boot; make the bundle anew",
        )
    return bundle


def _changed(os: str, partition: Partition, wish: Wish, user: User) -> dict[str, str]:
    wifi = wish.network.wifi if wish.network else None
    if os == "bookworm":
        return {
            "custom.toml": custom_toml(wish.unit, wish.zone, user, wifi),
            "cmdline.txt": cmdline(partition.before("cmdline.txt")),
        }
    files = {
        "user-data": user_data(wish.unit, wish.zone, user),
        "meta-data": meta_data(f"xunkong-{wish.unit}-{secrets.token_hex(4)}"),
    }
    return files | ({"network-config": network_config(wifi)} if wifi else {})


def _new_code(args: argparse.Namespace, site: Site) -> str:
    """No two boxes bear one name."""
    if args.dry_run:
        return NOT_YET
    if site.taken(args.unit):
        if not args.replace:
            raise Fault(
                f"{args.unit} 已是另一台机器的名字；换一个 --unit，或用 --replace 使那一台立即失效",
                f"{args.unit} is the name of another box already; give another --unit, or --replace to put "
                "that one out",
            )
        site.retire(args.unit)
    return site.new_code(args.unit, args.valid_h)
