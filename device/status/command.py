"""`xunkong device status`: one screen for a technician at the box."""

import argparse
import os
import sys
import threading
from pathlib import Path
from shutil import get_terminal_size

import msgspec

from device import bulletin
from device.places import CONFIG
from wire.commands import Commands
from wire.words import Fault, Words

EVERY_S = 2.0
CLEAR = "\x1b[2J\x1b[H"


def status_command(commands: Commands) -> None:
    """Declares it."""
    words = Words(
        "一屏看清本单元：部件、时钟、待传、链路、证书、软件、最近记录；有异常返回 1",
        "how this unit is, on one screen: parts, clock, queue, link, certificate, software, last records; "
        "1 when something is wrong",
    )
    add = commands.add("status", words, "sudo xunkong device status --watch", status)
    said = commands.say("单元的配置文件", "the unit's configuration")
    add.add_argument("--config", type=Path, default=Path("/", CONFIG), metavar="FILE", help=said)
    said = commands.say("运行中的单元说明现状之处", "where the running unit puts up how it is")
    add.add_argument("--present", type=Path, default=bulletin.FOLDER, metavar="DIR", help=said)
    said = commands.say("每两秒刷新", "again every two seconds")
    add.add_argument("--watch", action="store_true", help=said)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    add.add_argument("--json", action="store_true", help=said)


def status(args: argparse.Namespace) -> int:
    """Looks, and shows. 1 when something is wrong."""
    from device.status.look import Look
    from device.status.screen import lines

    _may_read(args.config)
    while True:
        found = Look(args.config, args.present).status()
        terminal = sys.stdout.isatty()
        if args.json:
            print(msgspec.json.encode({"well": found.well, **_fields(found)}).decode(), flush=True)
        else:
            columns = get_terminal_size().columns if terminal else 80
            told = lines(found, args.language, columns, terminal)
            print((CLEAR if args.watch and terminal else "") + "\n".join(told), flush=True)
        if not args.watch:
            return 0 if found.well else 1
        threading.Event().wait(EVERY_S)


def _fields(found: msgspec.Struct) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__struct_fields__}


def _may_read(config: Path) -> None:
    if config.exists() and not os.access(config, os.R_OK):
        raise Fault(
            "只有 root 可以查看；请运行 sudo xunkong device status",
            "only root may look; run sudo xunkong device status",
        )
