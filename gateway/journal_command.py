"""`xunkong gateway journal import`: takes a unit's journal that was carried here by hand."""

import argparse
import time
from pathlib import Path

import msgspec

from gateway.terminal import leaf, opened, print_line, print_rows
from wire.commands import Commands
from wire.words import Words


def journal_command(commands: Commands) -> None:
    """Declares it."""
    group = commands.group("journal", Words("单元的日志", "units' journals"))
    words = Words(
        "接收由 xunkong device journal export 写出的文件，如同单元自己上传；有未接收者返回 1",
        "take a file of xunkong device journal export, as if its unit had sent it; 1 when not all was taken",
    )
    parser = leaf(group, "import", words, journal_import, "journal ", " cp-01.zip")
    parser.add_argument("file", type=Path, metavar="FILE", help=group.say("文件", "the file"))


def journal_import(args: argparse.Namespace) -> int:
    """Takes it. 1 when something of it was refused, or is missing."""
    from gateway.ingest.carried import Import
    from gateway.keys import GatewayKeys
    from gateway.unit_keys import site_keys
    from wire.carried import CarriedFile
    from wire.progress import Bars

    titles = {
        "records": (Words("接收记录", "taking records").say(args.language), 1, ""),
        "photos": (Words("接收照片", "taking photos").say(args.language), 1, ""),
    }
    bars = Bars(titles)
    with opened(args) as (config, store):
        file = CarriedFile(args.file)
        try:
            keys, photos = GatewayKeys(Path(config.keys.folder)), Path(config.photos.path)
            run = Import(store, keys, photos, file, site_keys(config.cards))
            taken = run.run(lambda: time.time_ns() // 1_000_000, bars.at)
        finally:
            bars.end()
            file.close()
    if args.json:
        row = {**msgspec.structs.asdict(taken), "new": taken.new, "whole": taken.whole}
        print_rows(args, [row])
        return 0 if taken.whole else 1
    for log in taken.logs:
        if log.here < log.last:
            words = Words(
                f"{log.stream}/{log.log}：{log.here + 1} 至 {log.last} 未到齐",
                f"{log.stream}/{log.log}: records {log.here + 1} to {log.last} are not all here",
            )
            print_line(words.say(args.language))
    for why, count in taken.refused.items():
        words = Words(
            f"{count} 个消息被拒绝，见隔离区：{why}",
            f"{count} messages were refused, see the quarantine: {why}",
        )
        print_line(words.say(args.language))
    words = Words(
        f"{taken.unit}：新增 {taken.new} 条记录，照片 {taken.photos_kept}/{taken.photos}",
        f"{taken.unit}: {taken.new} records were new; {taken.photos_kept} of {taken.photos} photos are here",
    )
    print_line(words.say(args.language))
    return 0 if taken.whole else 1
