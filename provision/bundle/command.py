"""`xunkong provision bundle` and `patches`: what is made on a machine with internet, for units that have none."""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provision.bundle.sources import Source, mirror, sources_for
from provision.kinds import ARCHES, MADE_FOR, RELEASES, Kind, kind_of
from wire.commands import Commands
from wire.words import Words


def add_commands(commands: Commands) -> None:
    """Declares both."""
    _bundle_command(commands)
    _patches_command(commands)


def _bundle_command(commands: Commands) -> None:
    words = Words(
        "制作部署包（在联网的电脑上）", "make a bundle to carry, on a machine with internet"
    )
    example = "xunkong provision bundle --arch aarch64 --os bookworm --to bookworm.zip"
    add = commands.add("bundle", words, example, bundle)
    said = commands.say("用于单元还是网关，缺省 unit", "what it makes; a unit if left out")
    add.add_argument("--for", dest="made_for", default="unit", choices=MADE_FOR, help=said)
    _kind_options(commands, add)
    said = commands.say(
        "用这个 wheel，不从源代码构建", "take this wheel of the project; else it is built"
    )
    add.add_argument("--wheel", type=Path, metavar="FILE", help=said)


def _patches_command(commands: Commands) -> None:
    words = Words(
        "制作操作系统补丁（在联网的电脑上，未签名）",
        "make patches of the operating system, on a machine with internet; not signed yet",
    )
    example = (
        "xunkong provision patches --arch aarch64 --os bookworm --packages cp-01.list "
        "--to 2026.11.28.release"
    )
    add = commands.add("patches", words, example, patches)
    said = commands.say(
        "单元上 dpkg-query --show 的输出，可多次；取各软件包最低的版本",
        "what dpkg-query --show printed on a unit; again for units that differ",
    )
    add.add_argument(
        "--packages", type=Path, required=True, action="append", metavar="FILE", help=said
    )
    said = commands.say("补丁版本；缺省为今天的日期", "their version; today's date if left out")
    add.add_argument("--version", metavar="V", help=said)
    _kind_options(commands, add)


def _kind_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    """For which machines something is made, of which archive, and where to."""
    said = commands.say("处理器", "the processor")
    add.add_argument("--arch", required=True, choices=ARCHES, help=said)
    said = commands.say("Debian 版本", "the Debian release")
    add.add_argument("--os", required=True, choices=RELEASES, help=said)
    said = commands.say("写入此文件", "write it there")
    add.add_argument("--to", type=Path, required=True, metavar="FILE", help=said)
    said = commands.say(
        "Debian 镜像；缺省按本机 /etc/apt",
        "a Debian mirror; as this machine's /etc/apt if left out",
    )
    add.add_argument("--mirror", metavar="URL", help=said)
    said = commands.say("该镜像的密钥环", "the keyring of that mirror")
    add.add_argument("--keyring", type=Path, metavar="FILE", help=said)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    add.add_argument("--json", action="store_true", help=said)


def bundle(args: argparse.Namespace) -> int:
    """Makes a bundle."""
    from provision.bundle.make import make_bundle

    kind = kind_of(args.os, args.arch)
    made = make_bundle(
        kind, _sources(args, kind), args.to, _sayer(args), args.wheel, made_for=args.made_for
    )
    size_mb = round(args.to.stat().st_size / 1e6, 1)
    row: dict[str, Any] = {
        "bundle": str(args.to),
        "version": made.version,
        "os": made.os,
        "arch": made.arch,
        "for": made.made_for,
    }
    row |= {"files": len(made.files), "mb": size_mb, "software": made.software}
    said = Words(
        f"{args.to}：{made.version}，{kind}，{len(made.files)} 个文件，{size_mb} MB",
        f"{args.to}: {made.version}, {kind}, {len(made.files)} files, {size_mb} MB",
    )
    print(json.dumps(row) if args.json else said.say(args.language))
    return 0


def patches(args: argparse.Namespace) -> int:
    """Makes patches."""
    from provision.bundle.patches import make_patches

    kind, made_ms = kind_of(args.os, args.arch), time.time_ns() // 1_000_000
    today = datetime.now(UTC)
    version = args.version or f"{today.year}.{today.month}.{today.day}"
    sources, say = _sources(args, kind), _sayer(args)
    made = make_patches(kind, sources, args.packages, args.to, version, made_ms, say)
    size_mb = round(args.to.stat().st_size / 1e6, 1)
    row: dict[str, Any] = {
        "patches": str(args.to),
        "version": made.version,
        "machine": made.machine,
    }
    row |= {"packages": len(made.debs) - 1, "mb": size_mb}
    said = Words(
        f"{args.to}：{made.version}，{kind}，{len(made.debs) - 1} 个软件包，{size_mb} MB；下一步：xunkong release sign",
        f"{args.to}: {made.version}, {kind}, {len(made.debs) - 1} packages, {size_mb} MB; next: xunkong release sign",
    )
    print(json.dumps(row) if args.json else said.say(args.language))
    return 0


def _sources(args: argparse.Namespace, kind: Kind) -> list[Source]:
    keyring = args.keyring and str(args.keyring.resolve())
    return mirror(args.mirror, kind.os, keyring) if args.mirror else sources_for(kind.os)


def _sayer(args: argparse.Namespace) -> Callable[[Words], None]:
    def say(words: Words) -> None:
        if not args.json:
            print(words.say(args.language), flush=True)

    return say
