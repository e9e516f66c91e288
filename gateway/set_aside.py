"""`xunkong gateway forward parked|retry` and `quarantine`: what was set aside, and another try."""

import argparse
from pathlib import Path

import msgspec

from gateway.show import utc
from gateway.terminal import CONFIG, config_option, leaf, opened, print_rows
from wire.commands import Commands, Run
from wire.words import Words


def forward_commands(commands: Commands, run: Run) -> None:
    words = Words("转发到指挥平台", "forward to the command platforms")
    parser = commands.add("forward", words, f"xunkong gateway forward --config {CONFIG}", run)
    config_option(commands, parser, required=False)
    group = Commands(parser, commands.language, required=False)
    leaf(
        group,
        "parked",
        Words("列出被平台拒收的事件", "what a platform refused"),
        parked,
        "forward ",
    )
    retry = leaf(group, "retry", Words("重新发送", "send it again"), retry_parked, "forward ")
    retry.add_argument("--id", help=group.say("只重发这一条", "only this one"))


def quarantine_commands(commands: Commands) -> None:
    group = commands.group("quarantine", Words("隔离区", "payloads that could not be taken"))
    leaf(group, "list", Words("列出", "list them"), quarantine_list, "quarantine ")
    words = Words("查看一项", "show one")
    show = leaf(group, "show", words, quarantine_show, "quarantine ", " 9f86d081")
    show.add_argument("sha256", help=group.say("哈希的前几位", "the beginning of its hash"))
    retry = leaf(group, "retry", Words("重试", "try again"), quarantine_retry, "quarantine ")
    said = group.say("哈希的前几位；不给则全部", "the beginning of its hash; all if left out")
    retry.add_argument("sha256", nargs="?", help=said)


def parked(args: argparse.Namespace) -> int:
    """Prints what platforms refused."""
    from gateway.forward.parking import listed

    with opened(args) as (_, store):
        return print_rows(
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

    with opened(args) as (_, store):
        count = ask_again(store, args.id)
    print_rows(args, [{"asked": count}])
    return 0 if count else 1


def quarantine_list(args: argparse.Namespace) -> int:
    """Prints the quarantine, without the payloads."""
    from gateway.retry import listed

    with opened(args) as (config, store):
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
    return print_rows(args, rows)


def quarantine_show(args: argparse.Namespace) -> int:
    """Prints one payload, as text where it is text, else in hex."""
    from gateway.retry import one

    with opened(args) as (_, store):
        row = one(store, args.sha256)
    try:
        content = {"text": row.payload.decode("utf-8")}
    except UnicodeDecodeError:
        content = {"hex": row.payload.hex()}
    return print_rows(
        args, [{"sha256": row.sha256, "topic": row.topic, "reason": row.reason, **content}]
    )


def quarantine_retry(args: argparse.Namespace) -> int:
    """Tries payloads again. 1 if any is still refused."""
    from gateway.keys import GatewayKeys
    from gateway.retry import again, listed, one
    from gateway.unit_keys import site_keys

    refused = 0
    with opened(args) as (config, store):
        keys, card_keys = GatewayKeys(Path(config.keys.folder)), site_keys(config.cards)
        chosen = listed(store) if args.sha256 is None else [one(store, args.sha256)]
        for row in chosen:
            why = again(store, row, keys, card_keys)
            refused += why is not None
            print_rows(args, [{"sha256": row.sha256, "taken": why is None, "why": why}])
    return 1 if refused else 0
