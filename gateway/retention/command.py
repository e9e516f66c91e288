"""`xunkong gateway retain`: removes what the site's policy no longer keeps, and says what went."""

import argparse
import time
from pathlib import Path

import msgspec

from gateway.terminal import leaf, opened, print_rows
from wire.commands import Commands
from wire.words import Words


def retain_command(commands: Commands) -> None:
    """Declares it."""
    words = Words("按保留期清理", "remove what was kept long enough; `gateway run` does it daily")
    add = leaf(commands, "retain", words, retain)
    said = commands.say("只报告会清理什么", "only say what would go")
    add.add_argument("--dry-run", action="store_true", help=said)


def retain(args: argparse.Namespace) -> int:
    """Carries out the policy once, or says what it would do. 1 when photos' files were found missing."""
    from gateway.keys import GatewayKeys
    from gateway.photos.retention import due_photos, retain_photos
    from gateway.retention.records import Gone, Retention
    from gateway.retention.suns import retain_suns
    from gateway.store.own_log import OwnLog

    with opened(args) as (config, store):
        photos, own = config.photos, OwnLog(GatewayKeys(Path(config.keys.folder)))
        now_ms = time.time_ns() // 1_000_000
        sinks = [sink.name for sink in config.sink]
        of_records = Retention(store, config.retention, sinks, own, now_ms)
        if args.dry_run:
            due = due_photos(store, photos.keep_days, now_ms)
            gone = [*of_records.due(), Gone("photos", due)]
            return print_rows(args, map(msgspec.structs.asdict, gone))
        gone = of_records.run()
        done = retain_photos(store, Path(photos.path), photos.keep_days, own, now_ms)
        counters = retain_suns(store, config.cards.keep_days, now_ms)
    rows = [{"of": "photos", **msgspec.structs.asdict(done)}, {"of": "suns", "removed": counters}]
    print_rows(args, [*map(msgspec.structs.asdict, gone), *rows])
    return 1 if done.missing else 0
