"""`xunkong gateway broker config|check`: mosquitto's configuration, and whether a running broker keeps to it."""

import argparse

from gateway.terminal import leaf, opened, print_rows
from wire.commands import Commands
from wire.words import Words


def broker_commands(commands: Commands) -> None:
    """Declares them."""
    group = commands.group("broker", Words("broker：配置与检查", "the broker's configuration"))
    words = Words("写出 mosquitto 的配置与 ACL", "write mosquitto's configuration and its ACLs")
    write = leaf(group, "config", words, broker_config, "broker ")
    said = group.say("以哪个用户运行 mosquitto", "as which user mosquitto runs")
    write.add_argument("--account", metavar="NAME", help=said)
    words = Words("像攻击者那样试一试", "try a running broker as an attacker would")
    leaf(group, "check", words, broker_check, "broker ")


def broker_config(args: argparse.Namespace) -> int:
    """Writes the files; the broker is told to read them anew."""
    from gateway.fleet.broker_folder import BrokerFolder, now_ms

    with opened(args) as (config, store):
        folder = BrokerFolder(config, args.account)
        paths = folder.write(store, now_ms())
        told = folder.reload()
    rows = [{"file": str(path)} for path in paths]
    if not told:
        rows.append({"next": f"mosquitto -c {folder.conf}"})
    return print_rows(args, rows)


def broker_check(args: argparse.Namespace) -> int:
    """Prints each attempt and whether it was turned away; 1 if any was not."""
    from gateway.fleet.broker_check import attempts

    with opened(args) as (config, store):
        tried = list(attempts(config, store))
    print_rows(
        args,
        ({"attempt": a.what.say(args.language), "held": a.held, "seen": a.seen} for a in tried),
    )
    return 0 if all(a.held for a in tried) else 1
