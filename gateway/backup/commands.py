"""`xunkong gateway backup` and `restore`."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.backup.archive import Told
from gateway.backup.save import Saying
from gateway.config import load
from gateway.terminal import leaf, opened, print_rows
from wire.commands import Commands
from wire.progress import Progress
from wire.words import Language, Words

STEPS = {
    "copy": Words("复制数据库", "copying the store"),
    "pack": Words("压缩", "packing"),
    "unpack": Words("解压", "unpacking"),
    "pg_dump": Words("导出数据库", "dumping the store"),
    "pg_restore": Words("导入数据库", "loading the store"),
}


def backup_commands(commands: Commands) -> None:
    """Declares them."""
    words = Words("运行中备份数据库", "save the store into a file, while the gateway works")
    add = leaf(commands, "backup", words, backup, needs=" /backup/monday.zip")
    add.add_argument("file", type=Path, metavar="FILE", help=commands.say("新文件", "a new file"))
    said = commands.say("照片也链接或复制到此目录", "link or copy the photos into this folder")
    add.add_argument("--photos", type=Path, metavar="DIR", help=said)
    words = Words(
        "恢复数据库（先停网关）", "put a backup in the store's place; stop the gateway first"
    )
    add = leaf(commands, "restore", words, restore, needs=" /backup/monday.zip")
    add.add_argument("file", type=Path, metavar="FILE", help=commands.say("备份", "the backup"))
    said = commands.say("把已有数据库移到一旁", "set a store that has records aside")
    add.add_argument("--force", action="store_true", help=said)
    said = commands.say("备份时站点用的是另一证书机构", "the site had another authority then")
    add.add_argument("--another-authority", action="store_true", help=said)
    said = commands.say("从此目录取回照片", "bring the photos back from this folder")
    add.add_argument("--photos", type=Path, metavar="DIR", help=said)


@contextmanager
def _shown(language: Language) -> Iterator[Saying]:
    bars: list[Progress] = []

    def saying(step: str) -> Told:
        if bars:
            bars[-1].end()
        bars.append(Progress(STEPS[step].say(language)))
        return bars[-1].at

    try:
        yield saying
    finally:
        if bars:
            bars[-1].end()


def backup(args: argparse.Namespace) -> int:
    """Saves the store."""
    from gateway.backup.save import save

    with opened(args) as (config, store), _shown(args.language) as saying:
        manifest = save(config, store, args.file, args.photos, saying)
    row = {name: getattr(manifest, name) for name in ("store", "records", "bytes", "photos")}
    return print_rows(args, [{"file": str(args.file), **row, "copied": manifest.copied}])


def restore(args: argparse.Namespace) -> int:
    """Puts a backup back."""
    from gateway.backup.restore import restore as put_back
    from gateway.keys import GatewayKeys
    from gateway.store.own_log import OwnLog

    config = load(args.config)
    keys = GatewayKeys(Path(config.keys.folder))
    own, authority = OwnLog(keys), None if args.another_authority else keys.authority
    with _shown(args.language) as saying:
        done = put_back(config, args.file, own, authority, args.force, args.photos, saying)
    return print_rows(args, [msgspec.structs.asdict(done)])
