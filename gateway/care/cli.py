"""The commands of care: `xunkong fleet list|show|locate|reboot|logs|selftest|config|retire`."""

import argparse
from pathlib import Path

from gateway.care.errands import errand_commands
from gateway.care.listing import list_command
from gateway.care.reports import report_commands
from gateway.care.retire import retire_command
from gateway.care.whole import show_command
from gateway.terminal import leaf
from wire.commands import Commands
from wire.words import Words


def care_commands(commands: Commands) -> None:
    """Declares them."""
    list_command(commands)
    show_command(commands)
    errand_commands(commands)
    report_commands(commands)
    _config_command(commands)
    retire_command(commands)


def _config_command(commands: Commands) -> None:
    words = Words(
        "查看或发布单元的配置（同 gateway config）",
        "show or push a unit's configuration, as `gateway config` does",
    )
    parser = leaf(commands, "config", words, config, needs=" cp-01 unit.toml", room="fleet")
    parser.add_argument("unit", metavar="UNIT", help=commands.say("单元", "the unit"))
    said = commands.say("要发布的配置；缺省为查看", "its content, to push; left out: show")
    parser.add_argument("file", nargs="?", type=Path, metavar="UNIT.toml", help=said)


def config(args: argparse.Namespace) -> int:
    """Does what the gateway's own command does."""
    from gateway.cli import config_push, config_show

    return config_show(args) if args.file is None else config_push(args)
