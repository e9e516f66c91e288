"""`xunkong gateway`: lay out, run, look, configure, and mend what was set aside."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec

from gateway.backup.commands import backup_commands
from gateway.evidence.commands import evidence_commands
from gateway.fleet.broker_commands import broker_commands
from gateway.fleet.ca_commands import ca_commands
from gateway.journal_command import journal_command
from gateway.order_commands import order_commands
from gateway.photos.commands import photo_commands
from gateway.retention.command import retain_command
from gateway.set_aside import forward_commands, quarantine_commands
from gateway.show import duty_name, record_time, unit_line, utc
from gateway.supervisor import end_with_parent
from gateway.terminal import leaf, moment_ms, opened, print_rows
from wire.commands import Commands
from wire.service import Service
from wire.words import Fault, Words


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    _init_command(commands)
    leaf(commands, "run", Words("运行网关的全部进程", "run all processes of the gateway"), run)
    leaf(commands, "ingest", Words("接收并保存", "take from the brokers, and keep"), ingest)
    words = Words("签发证书（需要 CA 密钥）", "sign for units; needs the authority's key")
    leaf(commands, "authority", words, authority)
    forward_commands(commands, forward)
    ca_commands(commands)
    broker_commands(commands)
    _records_command(commands)
    photo_commands(commands)
    _config_commands(commands)
    _unit_key_command(commands)
    order_commands(commands)
    _units_command(commands)
    quarantine_commands(commands)
    journal_command(commands)
    retain_command(commands)
    backup_commands(commands)
    evidence_commands(commands)


def _init_command(commands: Commands) -> None:
    words = Words(
        "新建站点：目录、密钥、证书", "lay out a new site: its folder, keys, certificates"
    )
    example = "xunkong gateway init /srv/xunkong --host gw.example.cn"
    new = commands.add("init", words, example, init)
    new.add_argument("folder", type=Path, metavar="DIR", help=commands.say("目录", "the folder"))
    said = commands.say(
        "单元连接 broker 所用的名称或地址，可多次",
        "by which units reach the broker; again for more",
    )
    new.add_argument("--host", action="append", default=[], metavar="NAME", help=said)
    said = commands.say(
        "单元所用端口，其后两个端口也被使用", "the units' port; the two above it are used too"
    )
    new.add_argument("--port", type=int, default=8883, metavar="N", help=said)


def _records_command(commands: Commands) -> None:
    parser = leaf(commands, "records", Words("列出记录", "the records that were kept"), records)
    parser.add_argument(
        "--unit", metavar="U", help=commands.say("只看这个单元", "of this unit only")
    )
    parser.add_argument("--kind", metavar="K", help=commands.say("只看这一种", "of this kind only"))
    said = commands.say(
        "自此时刻起（ISO 8601，缺时区按站点）", "since then (ISO 8601; the site's zone)"
    )
    parser.add_argument("--since", metavar="T", help=said)
    said = commands.say("展开轨迹，每个定位一行", "unfold tracks, a line per fix")
    parser.add_argument("--fixes", action="store_true", help=said)


def _config_commands(commands: Commands) -> None:
    group = commands.group("config", Words("单元的配置", "what is wanted of a unit"))
    words = Words("发布配置", "publish a configuration")
    add = leaf(group, "push", words, config_push, "config ", " --unit cp-01 unit.toml")
    add.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))
    add.add_argument("file", type=Path, metavar="UNIT.toml", help=group.say("配置", "its content"))
    words = Words("查看配置", "what is wanted, what is used")
    show = leaf(group, "show", words, config_show, "config ", " --unit cp-01")
    show.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))


def _unit_key_command(commands: Commands) -> None:
    group = commands.group("unit-key", Words("单元的公钥", "units' public keys"))
    words = Words("登记单元的公钥", "set a unit's public key")
    add = leaf(group, "set", words, unit_key_set, "unit-key ", " --unit cp-01 2f8a…")
    add.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))
    said = group.say("单元上 xunkong device key 所示", "what xunkong device key shows on the unit")
    add.add_argument("public", metavar="PUBLIC", help=said)


def _units_command(commands: Commands) -> None:
    parser = leaf(commands, "units", Words("各单元的现状", "how each unit is"), units)
    said = commands.say("每秒刷新", "again every second")
    parser.add_argument("--watch", action="store_true", help=said)


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_parent()
    return stop


def init(args: argparse.Namespace) -> int:
    """Lays out a folder."""
    from gateway.site import lay_out

    for path in lay_out(args.folder, args.host, args.port):
        print(path)
    return 0


def run(args: argparse.Namespace) -> int:
    """Runs ingest and forward as processes of their own, and the authority where its key is."""
    from gateway.fleet.folder import KeyFolder
    from gateway.supervisor import WORKERS, Supervisor

    with opened(args) as (config, _):
        signs = KeyFolder(Path(config.keys.folder)).has_issuer
    workers = (*WORKERS, "authority") if signs else WORKERS
    Supervisor(args.config, workers).run(_until_told())
    return 0


def ingest(args: argparse.Namespace) -> int:
    """Runs one ingest worker."""
    from gateway.fleet.folder import KeyFolder
    from gateway.fleet.revocation import recall_list
    from gateway.ingest.worker import Worker

    with opened(args) as (config, store):
        recall_list(KeyFolder(Path(config.keys.folder)), store)
        Worker(config, store, lambda point: None, Service(os.environ)).run(_until_told())
    return 0


def authority(args: argparse.Namespace) -> int:
    """Runs the authority."""
    from gateway.fleet.worker import AuthorityWorker

    with opened(args) as (config, store):
        AuthorityWorker(config, store, service=Service(os.environ)).run(_until_told())
    return 0


def forward(args: argparse.Namespace) -> int:
    """Runs the pumps."""
    from gateway.forward.worker import Forwarder

    with opened(args) as (config, store):
        Forwarder(config, store, lambda point: None, Service(os.environ)).run(_until_told())
    return 0


# Looking


def records(args: argparse.Namespace) -> int:
    """Prints records."""
    from gateway.lookup import Wanted, fixes_of, found_records
    from wire.duties import duty_table

    with opened(args) as (config, store):
        wanted = Wanted(args.unit, args.kind, moment_ms("--since", args.since, config))
        found = found_records(store, wanted)
        if args.fixes:
            return print_rows(args, (fix for one in found for fix in fixes_of(one)))
        if not args.json:
            named = (duty_name(one, duty_table(config.duty), args.language) for one in found)
            found = (record_time(one, args.language) for one in named)
        return print_rows(args, found)


def units(args: argparse.Namespace) -> int:
    """Prints how each unit is, once or every second."""
    from gateway.lookup import unit_rows

    with opened(args) as (config, store):
        while True:
            rows = unit_rows(store, time.time_ns() // 1_000_000)
            if args.watch and not args.json:
                print("\x1b[2J\x1b[H" + utc(time.time(), config.zone()))
            for row in rows:
                line = unit_line(row, args.language)
                print(msgspec.json.encode(row).decode() if args.json else line)
            if not args.watch:
                return 0
            sys.stdout.flush()
            threading.Event().wait(1.0)


# Configuration of units


def config_push(args: argparse.Namespace) -> int:
    """Keeps a new version; ingest publishes it within a second or two."""
    from gateway.unit_config import push, read_unit_file
    from gateway.unit_keys import site_keys
    from wire.duties import duty_table

    with opened(args) as (config, store):
        wanted = read_unit_file(args.file, config.zone(), duty_table(config.duty))
        version = push(store, args.unit, wanted, site_keys(config.cards))
    if args.json:
        return print_rows(args, [{"unit": args.unit, "version": version}])
    said = Words(
        f"{args.unit} 的配置版本 {version} 已保存，由 ingest 发布",
        f"configuration {version} of {args.unit} is kept; ingest publishes it",
    )
    print(said.say(args.language))
    return 0


def unit_key_set(args: argparse.Namespace) -> int:
    """Keeps a unit's public key; what is sealed from now on is sealed to it."""
    from gateway.unit_keys import set_unit_key

    with opened(args) as (_, store):
        replaced = set_unit_key(store, args.unit, args.public)
    return print_rows(args, [{"unit": args.unit, "replaced": replaced, "next": "config push"}])


def config_show(args: argparse.Namespace) -> int:
    """Prints the newest version, and which one the unit says it uses."""
    from gateway.care.waiting import expected
    from gateway.lookup import unit_rows
    from gateway.unit_config import newest

    with opened(args) as (_, store):
        message = newest(store, args.unit)
        if message is None:
            expected(store, args.unit)
        used = {row.unit: row.config for row in unit_rows(store, 0)}.get(args.unit)
    if message is None:
        raise Fault(
            f"还没有给 {args.unit} 发布过配置；发布：xunkong fleet config {args.unit} UNIT.toml",
            f"no configuration was pushed for {args.unit} yet: xunkong fleet config {args.unit} UNIT.toml pushes one",
        )
    row = {"unit": args.unit, "version": message.version, "in_use": used, "config": message.config}
    if args.json:
        return print_rows(args, [row])
    print(json.dumps(msgspec.to_builtins(row), indent=2, ensure_ascii=False))
    return 0
