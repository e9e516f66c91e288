"""`xunkong device updater`: sees to what the unit wishes of its slots; started by systemd when there is a wish."""

import argparse
from importlib.metadata import version
from pathlib import Path

from wire.commands import Commands
from wire.words import Fault, Words

ROOT, KEEP = Path("/opt/xunkong"), Path("/var/lib/xunkong/update")
KEY = Path("/etc/xunkong/release.pub")


def updater_command(commands: Commands) -> None:
    """Declares it."""
    words = Words(
        "安装或切换单元所请求的版本（由 systemd 启动）",
        "install, or switch to, the release that the unit asks for; systemd starts it",
    )
    parser = commands.add("updater", words, f"xunkong device updater --key {KEY}", updater)
    said = commands.say("slots 与 current 所在目录", "where `slots` and `current` are")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help=said)
    said = commands.say("状态与收件目录所在", "where state.json and `inbox` are")
    parser.add_argument("--keep", type=Path, default=KEEP, metavar="DIR", help=said)
    said = commands.say("发行公钥", "the release key's public half")
    parser.add_argument("--key", type=Path, default=KEY, metavar="FILE", help=said)


def updater(args: argparse.Namespace) -> int:
    """Sees to one wish."""
    from device.update.guard import Place
    from device.update.inbox import Inbox
    from device.update.install import machine
    from device.update.updater import Updater

    place, inbox = Place(args.root, args.keep), Inbox(args.keep / "inbox")
    try:
        Updater(place, inbox, args.key, version("xunkong"), machine()).serve()
    except OSError as exc:
        raise Fault(
            f"无法更改 {args.root} 或 {args.keep}：{exc}；请检查磁盘与权限",
            f"cannot change {args.root} or {args.keep}: {exc}; check the disk, and whose they are",
        ) from exc
    return 0
