"""Orders to several units at once, and the wait for what becomes of them."""

import argparse
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from gateway.fleet.broker_folder import now_ms
from gateway.fleet.roll import is_known, out_of_service
from gateway.lookup import unit_rows
from gateway.orders import LONGEST_S, VALID_S, give, newest_words
from gateway.store.open import Store
from wire.batch import decode_record
from wire.commands import Commands
from wire.progress import Progress
from wire.records import Order
from wire.words import Fault, Words

LOOK_S = 0.3
OVER = ("done", "failed", "expired", "acknowledged")
"""Last words. A refused order is sent again with the unit's next greeting, for as long as it is good."""


class Errand(Struct, frozen=True):
    """An order to `unit`, and the unit's last word on it; None: it has said nothing yet."""

    unit: str
    order: str
    word: Order | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.word is not None and self.word.outcome in OVER

    @property
    def done(self) -> bool:
        """Whether the unit did what was wanted."""
        return self.word is not None and self.word.outcome == "done"


def errand_options(commands: Commands, parser: argparse.ArgumentParser, wait_s: int) -> None:
    """UNIT…, `--wait` and `--no-wait`."""
    said = commands.say("单元，可多个", "units, one or more")
    parser.add_argument("units", nargs="+", metavar="UNIT", help=said)
    wait_options(commands, parser, wait_s)


def wait_options(commands: Commands, parser: argparse.ArgumentParser, wait_s: int) -> None:
    """`--wait` and `--no-wait`."""
    said = commands.say(
        f"等待结果的秒数，缺省 {wait_s}；命令也在此后失效",
        f"seconds to wait for the outcome; {wait_s} if left out; the order ends then too",
    )
    parser.add_argument("--wait", type=float, default=wait_s, metavar="S", help=said)
    said = commands.say(
        f"不等待；命令 {VALID_S} 秒内有效", f"do not wait; the order is good for {VALID_S} s"
    )
    parser.add_argument("--no-wait", action="store_true", help=said)


def ordered(
    args: argparse.Namespace, store: Store, units: Iterable[str], what: str, text: str | None
) -> list[Errand]:
    """Gives the order to each of `units`, and waits for their answers as the command's options say.

    Raises `Fault` for a unit that was never heard of: a slip of the pen would wait in vain.
    """
    if not args.no_wait and not 1 <= args.wait <= LONGEST_S:
        raise Fault(
            f"--wait {args.wait:g}：应在 1 到 {LONGEST_S} 之间；不等待请用 --no-wait",
            f"--wait {args.wait:g}: give 1 to {LONGEST_S}, or --no-wait",
        )
    wanted = list(dict.fromkeys(units))
    known(store, wanted)
    in_service(store, wanted)
    valid_s = VALID_S if args.no_wait else args.wait
    given = [Errand(unit, give(store, unit, what, text, valid_s)) for unit in wanted]
    return given if args.no_wait else wait_for(store, given, args.wait, what)


def in_service(store: Store, units: Iterable[str]) -> None:
    """Raises `Fault` for the first of `units` that was put out: it hears nothing any more."""
    with store.reading() as connection:
        out = out_of_service(connection)
    for unit in units:
        if unit in out:
            raise Fault(
                f"{unit} 已停用（{out[unit]}）；重新启用：xunkong provision host",
                f"{unit} is out of service ({out[unit]}); xunkong provision host brings it back",
            )


def known(store: Store, units: Iterable[str]) -> None:
    """Raises `Fault` for the first of `units` that was never heard of."""
    names = {row.unit for row in unit_rows(store, now_ms())}
    strange = next((unit for unit in units if unit not in names), None)
    if strange is not None:
        raise Fault(
            f"不认识单元 {strange!r}；请用 xunkong fleet list 查看",
            f"no unit {strange!r} is known; see xunkong fleet list",
        )


def expected(store: Store, unit: str) -> None:
    """Raises `Fault` for a unit that was never heard of, has no configuration, and never had a certificate either."""
    with store.reading() as connection:
        has_papers = is_known(connection, unit)
    if not has_papers:
        known(store, [unit])


def wait_for(store: Store, given: list[Errand], for_s: float, what: str) -> list[Errand]:
    """The errands as they stand when all are over, or after `for_s` seconds."""
    bar = Progress(what, per=1, unit="")
    end_s, pause = time.monotonic() + for_s, threading.Event()
    try:
        while True:
            given = [one if one.over else looked_at(store, one) for one in given]
            bar.at(sum(one.over for one in given), len(given))
            if all(one.over for one in given) or time.monotonic() >= end_s:
                return given
            pause.wait(LOOK_S)
    finally:
        bar.end()


def looked_at(store: Store, one: Errand) -> Errand:
    """The errand with the unit's last word of now."""
    with store.reading() as connection:
        return Errand(one.unit, one.order, last_words(connection, one.unit).get(one.order))


def last_words(connection: sa.Connection, unit: str) -> Mapping[str, Order]:
    """A unit's last word on each of its latest orders, by the order's id."""
    found: dict[str, Order] = {}
    for raw in newest_words(connection, unit):
        record = decode_record(raw)
        if isinstance(record, Order):
            found.setdefault(record.id, record)
    return found


def outcome_row(one: Errand) -> dict[str, Any]:
    """For machines."""
    word = one.word
    return {
        "unit": one.unit,
        "order": one.order,
        "outcome": word.outcome if word else None,
        "why": word.why if word else None,
    }


def outcome_words(one: Errand) -> Words:
    """What became of it, and what to do where nothing did."""
    word = one.word
    if word is None:
        return Words(
            "无回答；单元在线后重试，或用 fleet show 查看",
            "no answer; try again when it is online, see fleet show",
        )
    zh = {
        "received": "已收到，尚无结果",
        "done": "完成",
        "failed": "失败",
        "refused": "拒绝",
        "expired": "过期",
        "acknowledged": "已确认",
    }[word.outcome]
    en = "received, not done yet" if word.outcome == "received" else word.outcome
    why = f": {word.why}" if word.why else ""
    return Words(f"{zh}{why}", f"{en}{why}")
