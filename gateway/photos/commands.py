"""`xunkong gateway photos [hold|release]`: the units' photos, and those that are kept as evidence."""

import argparse
import time
from pathlib import Path

from gateway.terminal import CONFIG, config_option, leaf, opened, print_rows
from wire.commands import Commands
from wire.words import Words


def photo_commands(commands: Commands) -> None:
    """Declares them."""
    words = Words("列出照片及其文件", "the photos, each with its file")
    parser = commands.add("photos", words, f"xunkong gateway photos --config {CONFIG}", photos)
    config_option(commands, parser, required=False)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)
    said = commands.say("只看这个单元", "of this unit only")
    parser.add_argument("--unit", metavar="U", help=said)
    group = Commands(parser, commands.language, required=False)
    incident = " --incident i-7 9f86d081"
    words = Words("作为证据保留", "keep them as evidence, whatever their age")
    add = leaf(group, "hold", words, hold, "photos ", incident)
    _names(group, add, "+")
    words = Words("解除保留", "let them go by the policy again")
    add = leaf(group, "release", words, release, "photos ", incident)
    _names(group, add, "*")


def _names(group: Commands, parser: argparse.ArgumentParser, how_many: str) -> None:
    said = group.say("事件的名称", "the incident's name")
    parser.add_argument("--incident", required=True, metavar="NAME", help=said)
    said = group.say("哈希的前几位", "the beginning of each one's hash")
    parser.add_argument("sha256", nargs=how_many, metavar="SHA256", help=said)


def photos(args: argparse.Namespace) -> int:
    """Prints photos: record, how far each has come, file. 1 when one is lost."""
    from gateway.photos.rows import photo_rows

    with opened(args) as (config, store):
        rows = list(photo_rows(store, Path(config.photos.path), args.unit))
    print_rows(
        args, rows if args.json else [{k: v for k, v in r.items() if k != "record"} for r in rows]
    )
    return 1 if any(row["state"] == "lost" for row in rows) else 0


def hold(args: argparse.Namespace) -> int:
    """Holds photos for an incident."""
    from gateway.photos.holds import hold

    with opened(args) as (_, store):
        found = hold(store, args.incident, args.sha256, time.time_ns() // 1_000_000)
    return print_rows(args, [{"sha256": one, "held": args.incident} for one in found])


def release(args: argparse.Namespace) -> int:
    """Ends an incident's holds."""
    from gateway.photos.holds import release

    with opened(args) as (_, store):
        found = release(store, args.incident, args.sha256)
    return print_rows(args, [{"sha256": one, "released": args.incident} for one in found])
