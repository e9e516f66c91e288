"""`xunkong release`: make the release key, build a release of the units' software; sign, publish that, or patches."""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from gateway.fleet.broker_folder import now_ms
from gateway.releases import build, keys, shelf
from gateway.show import utc
from gateway.terminal import config_option, opened, print_rows
from wire.commands import Commands
from wire.release import ARCHES, PUBLIC, PYTHONS, Head, public_key
from wire.words import Words


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words("生成发行密钥", "make the release key, which is not the gateway's: keep it apart")
    new = commands.add("keys", words, "xunkong release keys /media/safe", make_keys)
    new.add_argument("folder", type=Path, metavar="DIR", help=commands.say("目录", "the folder"))
    _json(commands, new)
    _build_command(commands)
    words = Words("签署发行文件", "sign a release")
    example = "xunkong release sign xunkong.release --key /media/safe/release.key"
    sign = commands.add("sign", words, example, sign_release)
    _file(commands, sign)
    said = commands.say("发行私钥文件（0600）", "the file of the release key (0600)")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help=said)
    _json(commands, sign)
    words = Words("查看发行文件，并校验", "what a release is, and whether it holds")
    show = commands.add("show", words, f"xunkong release show x.release --public {PUBLIC}", look)
    _file(commands, show)
    said = commands.say("校验签名所用的公钥", "by which key its signature must hold")
    show.add_argument("--public", type=Path, metavar="FILE", help=said)
    _json(commands, show)
    words = Words("发布：单元可以获取", "give it into the gateway's keeping, for units to fetch")
    example = "xunkong release publish x.release --config gateway.toml"
    publish = commands.add("publish", words, example, publish_release)
    _file(commands, publish)
    config_option(commands, publish)
    _json(commands, publish)
    words = Words("列出已发布的版本", "what was published")
    rows = commands.add("list", words, "xunkong release list --config gateway.toml", list_releases)
    config_option(commands, rows)
    _json(commands, rows)
    words = Words("撤下一个版本，删除其文件", "take a version back, and remove its files")
    example = "xunkong release withdraw 0.2.0 --config gateway.toml"
    gone = commands.add("withdraw", words, example, withdraw_release)
    gone.add_argument("version", metavar="VERSION", help=commands.say("版本", "the version"))
    config_option(commands, gone)
    _json(commands, gone)


def _build_command(commands: Commands) -> None:
    words = Words("把 wheel 做成发行文件（未签名）", "wheels to a release, not signed yet")
    example = "xunkong release build x.release --wheels bundle.zip --arch aarch64 --os bookworm"
    parser = commands.add("build", words, example, build_release)
    _file(commands, parser)
    said = commands.say(
        "xunkong provision bundle 的文件，或 wheel 目录：自身、全部依赖与 pip",
        "what xunkong provision bundle made, or a folder: ours, all that it needs, and pip's",
    )
    parser.add_argument("--wheels", type=Path, required=True, metavar="PATH", help=said)
    parser.add_argument("--arch", choices=ARCHES, required=True)
    parser.add_argument("--os", choices=tuple(PYTHONS), required=True)
    said = commands.say(
        "可升级的最低版本；缺省为任何版本", "the lowest version that it may follow; else any"
    )
    parser.add_argument("--least", default=build.ANY, metavar="VERSION", help=said)
    _json(commands, parser)


def _file(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("发行文件", "the release")
    parser.add_argument("file", type=Path, metavar="FILE", help=said)


def _json(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)


def make_keys(args: argparse.Namespace) -> int:
    """Makes both halves."""
    kid = keys.make(args.folder).kid
    files = {"secret": str(args.folder / keys.SECRET), "public": str(args.folder / PUBLIC)}
    return print_rows(args, [{"kid": kid, **files}])


def build_release(args: argparse.Namespace) -> int:
    """Builds, and shows what came of it."""
    build.build(args.wheels, args.file, args.arch, args.os, args.least, now_ms())
    return _show(args, *build.look(args.file, None))


def sign_release(args: argparse.Namespace) -> int:
    """Signs in place."""
    build.sign(args.file, keys.read(args.key))
    return _show(args, *build.look(args.file, None))


def look(args: argparse.Namespace) -> int:
    """Reads all of it. One that is not whole, or whose signature does not hold, is a fault."""
    return _show(args, *build.look(args.file, args.public and public_key(args.public)))


def _show(args: argparse.Namespace, head: Head, digest: str) -> int:
    manifest = head.manifest
    row: dict[str, Any] = {
        "version": manifest.version,
        "kind": manifest.kind,
        "machine": manifest.machine,
        "least": manifest.least,
        "journal": manifest.journal,
        "signed": manifest.kid if head.sig else None,
        "size": head.size,
        "sha256": digest,
    }
    files = [msgspec.structs.asdict(part) for part in manifest.files]
    if args.json:
        return print_rows(args, [{**row, "made_ms": manifest.made_ms, "files": files}])
    print_rows(args, [row])
    return print_rows(args, [{"file": one["name"], "size": one["size"]} for one in files])


def publish_release(args: argparse.Namespace) -> int:
    """Checks the signature by the site's release key, and keeps the file."""
    with opened(args) as (config, store):
        held = shelf.publish(store, config.releases, args.file, now_ms())
    return print_rows(args, [msgspec.structs.asdict(held)])


def list_releases(args: argparse.Namespace) -> int:
    """Prints what was published."""
    with opened(args) as (config, store):
        rows = [msgspec.structs.asdict(one) for one in shelf.listed(store)]
        if not args.json:
            for row in rows:
                row["published"] = utc(row.pop("published_ms") / 1000, config.zone())
    return print_rows(args, rows)


def withdraw_release(args: argparse.Namespace) -> int:
    """Prints what was removed."""
    with opened(args) as (config, store):
        held = shelf.withdraw(store, config.releases, args.version)
    return print_rows(args, [msgspec.structs.asdict(one) for one in held])
