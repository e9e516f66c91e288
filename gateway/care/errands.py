"""`xunkong fleet locate|reboot`: an errand of a unit's own, and its answer."""

import argparse
from collections.abc import Callable
from typing import Any

from gateway.care.waiting import Errand, errand_options, ordered, outcome_row, outcome_words
from gateway.forward.events import rfc3339
from gateway.terminal import leaf, opened, print_line, print_rows
from wire.commands import Commands
from wire.records import Order
from wire.words import Language, Words, printable

LOCATE_S, REBOOT_S = 75, 240
"""A unit looks for a position for a minute; a machine that starts anew needs a minute or two, and its farewell."""

More = Callable[[Order], dict[str, Any]]


def errand_commands(commands: Commands) -> None:
    """Declares them."""
    words = Words("单元现在在哪里", "where units are now")
    parser = leaf(commands, "locate", words, locate, needs=" v-03-2", room="fleet")
    errand_options(commands, parser, LOCATE_S)
    words = Words("重启单元的机器", "start units' machines anew")
    parser = leaf(commands, "reboot", words, reboot, needs=" cp-01", room="fleet")
    errand_options(commands, parser, REBOOT_S)


def locate(args: argparse.Namespace) -> int:
    """Prints each unit's position, its accuracy and its age. 1 where one did not answer with one."""
    return _errand(args, "locate", _position)


def reboot(args: argparse.Namespace) -> int:
    """Prints when each unit's machine started. 1 where one did not."""
    return _errand(args, "reboot", _start)


def _errand(args: argparse.Namespace, what: str, more: More) -> int:
    with opened(args) as (_, store):
        errands = ordered(args, store, args.units, what, None)
    for one in errands:
        extra = more(one.word) if one.word and one.done else {}
        if args.json:
            print_rows(args, [{**outcome_row(one), **extra}])
        else:
            print_line(_line(one, extra, args))
    return 0 if args.no_wait or all(one.done for one in errands) else 1


def _line(one: Errand, extra: dict[str, Any], args: argparse.Namespace) -> str:
    language: Language = args.language
    given = Words(f"已下达 {one.order}", f"ordered, {one.order}")
    said = given if args.no_wait else outcome_words(one)
    rest = "  ".join(f"{name} {value}" for name, value in extra.items() if value is not None)
    return printable(f"{one.unit:<16}  {said.say(language)}  {rest}".rstrip())


def _position(word: Order) -> dict[str, Any]:
    pos = word.pos
    if pos is None:
        return {}
    return {
        "lat": pos.lat,
        "lon": pos.lon,
        "hacc_m": pos.hacc_m,
        "age_s": round(pos.age_ms / 1000, 1),
        "at": None if word.at_ms is None else rfc3339(word.at_ms),
    }


def _start(word: Order) -> dict[str, Any]:
    """The answer comes from the new run: what it says of its own time tells when the machine started."""
    started_ms = -1 if word.at_ms is None else word.at_ms - word.up_ms
    return {"boot": word.boot, "started": None if started_ms < 0 else rfc3339(started_ms)}
