"""What the gateway's commands share: how one is declared, how the store is opened, how rows are printed."""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError

from gateway.config import GatewayConfig, load
from gateway.store.open import Store, fault, open_store
from wire.commands import Commands, Run
from wire.words import Fault, Words, printable

CONFIG = "gateway.toml"


def leaf(
    commands: Commands,
    name: str,
    words: Words,
    run: Run,
    within: str = "",
    needs: str = "",
    room: str = "gateway",
) -> argparse.ArgumentParser:
    """`within`: the group's name; `needs`: what the example must give beside the configuration."""
    example = f"xunkong {room} {within}{name} --config {CONFIG}{needs}"
    parser = commands.add(name, words, example, run)
    config_option(commands, parser)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)
    return parser


def config_option(
    commands: Commands, parser: argparse.ArgumentParser, required: bool = True
) -> None:
    said = commands.say("网关的配置文件", "the gateway's configuration")
    parser.add_argument("--config", type=Path, required=required, metavar="FILE", help=said)


# Processes


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[tuple[GatewayConfig, Store]]:
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


def moment_ms(option: str, text: str | None, config: GatewayConfig) -> int | None:
    """The moment (UTC ms) that `option` names, in the site's zone where it names none. Raises `Fault`."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Fault(
            f"{option} {text!r} 不是时刻；例如 2026-11-23T08:00",
            f"{option} {text!r} is no time; for example 2026-11-23T08:00",
        ) from exc
    aware = moment if moment.tzinfo else moment.replace(tzinfo=config.zone())
    return int(aware.timestamp() * 1000)


def print_rows(args: argparse.Namespace, rows: Iterable[dict[str, Any]]) -> int:
    for row in rows:
        text = msgspec.json.encode(row).decode()
        print(text if args.json else "  ".join(f"{k}={_plain(v)}" for k, v in row.items()))
    return 0


def print_line(text: str) -> int:
    print(text)
    return 0


def _plain(value: Any) -> str:
    return printable(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def say(one: dict[str, Any] | str | None) -> None:
    """One line: an object for machines, words for people; nothing for None."""
    if one is not None:
        print(printable(one) if isinstance(one, str) else msgspec.json.encode(one).decode())
