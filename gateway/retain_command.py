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
    words = Words("按保留期清理", "remove what was kept long enough; daily, from a timer")
    leaf(commands, "retain", words, retain)


def retain(args: argparse.Namespace) -> int:
    """Carries out the policy once. 1 when files were found missing."""
    from gateway.keys import GatewayKeys
    from gateway.photo_retention import retain_photos
    from gateway.store.own_log import OwnLog
    from gateway.sun_retention import retain_suns

    with opened(args) as (config, store):
        photos, own = config.photos, OwnLog(GatewayKeys(Path(config.keys.folder)))
        now_ms = time.time_ns() // 1_000_000
        done = retain_photos(store, Path(photos.path), photos.keep_days, own, now_ms)
        counters = retain_suns(store, config.cards.keep_days, now_ms)
    rows = [{"of": "photos", **msgspec.structs.asdict(done)}, {"of": "suns", "removed": counters}]
    print_rows(args, rows)
    return 1 if done.missing else 0
