"""`xunkong gateway`: lay out, run, look, configure, and mend what was set aside."""

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError

from gateway.config import GatewayConfig, load
from gateway.show import duty_name, record_time, unit_line, utc
from gateway.store.open import Store, fault, open_store
from gateway.supervisor import end_with_parent
from wire.commands import Commands, Run
from wire.words import Fault, Words

CONFIG = "gateway.toml"


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words("新建网关目录", "lay out a new gateway's folder")
    new = commands.add("init", words, "xunkong gateway init /srv/xunkong", init)
    new.add_argument("folder", type=Path, metavar="DIR", help=commands.say("目录", "the folder"))
    _leaf(commands, "run", Words("运行网关的全部进程", "run all processes of the gateway"), run)
    _leaf(commands, "ingest", Words("接收并保存", "take from the brokers, and keep"), ingest)
    _forward_commands(commands)
    _records_command(commands)
    _photos_command(commands)
    _config_commands(commands)
    _unit_key_command(commands)
    _units_command(commands)
    _quarantine_commands(commands)


def _forward_commands(commands: Commands) -> None:
    words = Words("转发到指挥平台", "forward to the command platforms")
    parser = commands.add("forward", words, f"xunkong gateway forward --config {CONFIG}", forward)
    _config(commands, parser, required=False)
    group = Commands(parser, commands.language, required=False)
    _leaf(
        group,
        "parked",
        Words("列出被平台拒收的事件", "what a platform refused"),
        parked,
        "forward ",
    )
    retry = _leaf(group, "retry", Words("重新发送", "send it again"), retry_parked, "forward ")
    retry.add_argument("--id", help=group.say("只重发这一条", "only this one"))


def _records_command(commands: Commands) -> None:
    parser = _leaf(commands, "records", Words("列出记录", "the records that were kept"), records)
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


def _photos_command(commands: Commands) -> None:
    words = Words("列出照片及其文件", "the photos, each with its file")
    parser = _leaf(commands, "photos", words, photos)
    said = commands.say("只看这个单元", "of this unit only")
    parser.add_argument("--unit", metavar="U", help=said)


def _config_commands(commands: Commands) -> None:
    group = commands.group("config", Words("单元的配置", "what is wanted of a unit"))
    words = Words("发布配置", "publish a configuration")
    add = _leaf(group, "push", words, config_push, "config ", " --unit cp-01 unit.toml")
    add.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))
    add.add_argument("file", type=Path, metavar="UNIT.toml", help=group.say("配置", "its content"))
    words = Words("查看配置", "what is wanted, what is used")
    show = _leaf(group, "show", words, config_show, "config ", " --unit cp-01")
    show.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))


def _unit_key_command(commands: Commands) -> None:
    group = commands.group("unit-key", Words("单元的公钥", "units' public keys"))
    words = Words("登记单元的公钥", "set a unit's public key")
    add = _leaf(group, "set", words, unit_key_set, "unit-key ", " --unit cp-01 2f8a…")
    add.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))
    said = group.say("单元上 xunkong device key 所示", "what xunkong device key shows on the unit")
    add.add_argument("public", metavar="PUBLIC", help=said)


def _units_command(commands: Commands) -> None:
    parser = _leaf(commands, "units", Words("各单元的现状", "how each unit is"), units)
    said = commands.say("每秒刷新", "again every second")
    parser.add_argument("--watch", action="store_true", help=said)


def _quarantine_commands(commands: Commands) -> None:
    group = commands.group("quarantine", Words("隔离区", "payloads that could not be taken"))
    _leaf(group, "list", Words("列出", "list them"), quarantine_list, "quarantine ")
    words = Words("查看一项", "show one")
    show = _leaf(group, "show", words, quarantine_show, "quarantine ", " 9f86d081")
    show.add_argument("sha256", help=group.say("哈希的前几位", "the beginning of its hash"))
    retry = _leaf(group, "retry", Words("重试", "try again"), quarantine_retry, "quarantine ")
    said = group.say("哈希的前几位；不给则全部", "the beginning of its hash; all if left out")
    retry.add_argument("sha256", nargs="?", help=said)


def _leaf(
    commands: Commands, name: str, words: Words, run: Run, within: str = "", needs: str = ""
) -> argparse.ArgumentParser:
    """`within`: the group's name; `needs`: what the example must give beside the configuration."""
    example = f"xunkong gateway {within}{name} --config {CONFIG}{needs}"
    parser = commands.add(name, words, example, run)
    _config(commands, parser)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)
    return parser


def _config(commands: Commands, parser: argparse.ArgumentParser, required: bool = True) -> None:
    said = commands.say("网关的配置文件", "the gateway's configuration")
    parser.add_argument("--config", type=Path, required=required, metavar="FILE", help=said)


# Processes


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_parent()
    return stop


@contextmanager
def _opened(args: argparse.Namespace) -> Iterator[tuple[GatewayConfig, Store]]:
    if args.config is None:
        raise Fault("请给出 --config FILE", "give --config FILE")
    config = load(args.config)
    store = open_store(config.store.url)
    try:
        yield config, store
    except DBAPIError as exc:
        raise fault(config.store.url, exc) from exc
    finally:
        store.close()


def init(args: argparse.Namespace) -> int:
    """Lays out a folder."""
    from gateway.site import lay_out

    for path in lay_out(args.folder):
        print(path)
    return 0


def run(args: argparse.Namespace) -> int:
    """Runs ingest and forward as processes of their own."""
    from gateway.supervisor import Supervisor

    with _opened(args):
        pass
    Supervisor(args.config).run(_until_told())
    return 0


def ingest(args: argparse.Namespace) -> int:
    """Runs one ingest worker."""
    from gateway.ingest.worker import Worker

    with _opened(args) as (config, store):
        Worker(config, store, lambda point: None).run(_until_told())
    return 0


def forward(args: argparse.Namespace) -> int:
    """Runs the pumps."""
    from gateway.forward.worker import Forwarder

    with _opened(args) as (config, store):
        Forwarder(config, store, lambda point: None).run(_until_told())
    return 0


# Looking


def _rows(args: argparse.Namespace, rows: Iterable[dict[str, Any]]) -> int:
    for row in rows:
        text = msgspec.json.encode(row).decode()
        print(text if args.json else "  ".join(f"{k}={_plain(v)}" for k, v in row.items()))
    return 0


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def records(args: argparse.Namespace) -> int:
    """Prints records."""
    from gateway.lookup import Wanted, fixes_of, found_records
    from wire.duties import duty_table

    with _opened(args) as (config, store):
        wanted = Wanted(args.unit, args.kind, _since_ms(args.since, config))
        found = found_records(store, wanted)
        if args.fixes:
            return _rows(args, (fix for one in found for fix in fixes_of(one)))
        if not args.json:
            named = (duty_name(one, duty_table(config.duty), args.language) for one in found)
            found = (record_time(one, args.language) for one in named)
        return _rows(args, found)


def _since_ms(text: str | None, config: GatewayConfig) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Fault(
            f"--since {text!r} 不是时刻；例如 2026-11-23T08:00",
            f"--since {text!r} is no time; for example 2026-11-23T08:00",
        ) from exc
    aware = moment if moment.tzinfo else moment.replace(tzinfo=config.zone())
    return int(aware.timestamp() * 1000)


def photos(args: argparse.Namespace) -> int:
    """Prints photos: record, how far each has come, file. 1 when one is lost."""
    from gateway.photos import photo_rows

    with _opened(args) as (config, store):
        rows = list(photo_rows(store, Path(config.photos.path), args.unit))
    _rows(
        args, rows if args.json else [{k: v for k, v in r.items() if k != "record"} for r in rows]
    )
    return 1 if any(row["state"] == "lost" for row in rows) else 0


def units(args: argparse.Namespace) -> int:
    """Prints how each unit is, once or every second."""
    from gateway.lookup import unit_rows

    with _opened(args) as (config, store):
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
    from gateway.unit_config import push, read_cards, read_unit_file
    from gateway.unit_keys import with_card_keys
    from wire.chain import NoKeys
    from wire.duties import duty_table

    with _opened(args) as (config, store):
        wanted = read_unit_file(args.file, config.zone(), duty_table(config.duty))
        wanted = with_card_keys(store, args.unit, wanted, read_cards(args.file), config.cards)
        version = push(store, args.unit, wanted, NoKeys())
    if args.json:
        return _rows(args, [{"unit": args.unit, "version": version}])
    said = Words(
        f"{args.unit} 的配置版本 {version} 已保存，由 ingest 发布",
        f"configuration {version} of {args.unit} is kept; ingest publishes it",
    )
    print(said.say(args.language))
    return 0


def unit_key_set(args: argparse.Namespace) -> int:
    """Keeps a unit's public key; what is sealed from now on is sealed to it."""
    from gateway.unit_keys import set_unit_key

    with _opened(args) as (_, store):
        replaced = set_unit_key(store, args.unit, args.public)
    return _rows(args, [{"unit": args.unit, "replaced": replaced, "next": "config push"}])


def config_show(args: argparse.Namespace) -> int:
    """Prints the newest version, and which one the unit says it uses."""
    from gateway.lookup import unit_rows
    from gateway.unit_config import newest

    with _opened(args) as (_, store):
        message = newest(store, args.unit)
        used = {row.unit: row.config for row in unit_rows(store, 0)}.get(args.unit)
    if message is None:
        raise Fault(
            f"还没有给 {args.unit} 发布过配置；用 config push 发布",
            f"nothing was pushed for {args.unit} yet; use `config push`",
        )
    row = {"unit": args.unit, "version": message.version, "in_use": used, "config": message.config}
    if args.json:
        return _rows(args, [row])
    print(json.dumps(msgspec.to_builtins(row), indent=2, ensure_ascii=False))
    return 0


# What was set aside


def parked(args: argparse.Namespace) -> int:
    """Prints what platforms refused."""
    from gateway.forward.parking import listed

    with _opened(args) as (_, store):
        return _rows(
            args,
            (
                {
                    "sink": row.sink,
                    "id": row.id,
                    "why": row.why,
                    "retry": row.retry,
                    "event": msgspec.Raw(row.event),
                }
                for row in listed(store)
            ),
        )


def retry_parked(args: argparse.Namespace) -> int:
    """Marks parked events to be sent again by the forward process. 1 if there are none."""
    from gateway.forward.parking import ask_again

    with _opened(args) as (_, store):
        count = ask_again(store, args.id)
    _rows(args, [{"asked": count}])
    return 0 if count else 1


def quarantine_list(args: argparse.Namespace) -> int:
    """Prints the quarantine, without the payloads."""
    from gateway.retry import listed

    with _opened(args) as (config, store):
        rows = [
            {
                "sha256": row.sha256,
                "unit": row.unit,
                "topic": row.topic,
                "bytes": len(row.payload),
                "times": row.times,
                "last": utc(row.last_ms / 1000, config.zone()),
                "reason": row.reason,
            }
            for row in listed(store)
        ]
    return _rows(args, rows)


def quarantine_show(args: argparse.Namespace) -> int:
    """Prints one payload, as text where it is text, else in hex."""
    from gateway.retry import one

    with _opened(args) as (_, store):
        row = one(store, args.sha256)
    try:
        content = {"text": row.payload.decode("utf-8")}
    except UnicodeDecodeError:
        content = {"hex": row.payload.hex()}
    return _rows(
        args, [{"sha256": row.sha256, "topic": row.topic, "reason": row.reason, **content}]
    )


def quarantine_retry(args: argparse.Namespace) -> int:
    """Tries payloads again. 1 if any is still refused."""
    from gateway.retry import again, listed, one

    refused = 0
    with _opened(args) as (_, store):
        chosen = listed(store) if args.sha256 is None else [one(store, args.sha256)]
        for row in chosen:
            why = again(store, row)
            refused += why is not None
            _rows(args, [{"sha256": row.sha256, "taken": why is None, "why": why}])
    return 1 if refused else 0
