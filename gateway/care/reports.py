"""`xunkong fleet logs|selftest`: a unit is asked for its logs, or to test itself; what came of it is printed."""

import argparse
import re
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.care.waiting import Errand, ordered, outcome_row, outcome_words, wait_options
from gateway.config import GatewayConfig
from gateway.store.open import Store
from gateway.store.schema import reports
from gateway.terminal import leaf, moment_ms, opened, print_line, print_rows
from wire.batch import BadPayload
from wire.commands import Commands
from wire.report import MAX_LINES, OF, LogsWanted, unpacked
from wire.words import Fault, Language, Words, printable

LOGS_S, TEST_S = 180, 120
AGO = re.compile(r"([1-9][0-9]{0,5})([smhd])")
SIZES_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SIGNS = {
    "ok": Words("正常", "ok"),
    "warning": Words("注意", "WARNING"),
    "fault": Words("故障", "FAULT"),
    "untried": Words("未测", "untried"),
}


class Found(msgspec.Struct):
    """One line of a self-test, as a unit sends it."""

    part: str
    verdict: str
    what: str
    what_zh: str = ""
    remedy: str | None = None
    remedy_zh: str | None = None


def report_commands(commands: Commands) -> None:
    """Declares them."""
    words = Words("取回单元的日志", "a unit's logs")
    parser = leaf(commands, "logs", words, logs, needs=" cp-01 --since 2h", room="fleet")
    parser.add_argument("unit", metavar="UNIT", help=commands.say("单元", "the unit"))
    said = commands.say(
        "自此时刻起（ISO 8601），或多久以来：30m、2h、1d",
        "since then (ISO 8601), or for so long: 30m, 2h, 1d",
    )
    parser.add_argument("--since", metavar="T", help=said)
    said = commands.say(
        f"至多行数，缺省 200，至多 {MAX_LINES}",
        f"lines at most; 200 if left out, {MAX_LINES} at most",
    )
    parser.add_argument("--lines", type=int, default=200, metavar="N", help=said)
    said = commands.say(
        "谁的日志；缺省为本软件的全部服务", "whose; all services of ours if left out"
    )
    parser.add_argument(
        "--unit-service", choices=OF, default=OF[0], metavar="S", help=f"{said}: {', '.join(OF)}"
    )
    wait_options(commands, parser, LOGS_S)
    words = Words(
        "让单元在运行中自检：能否上岗",
        "have a unit test itself beside its work: is it fit for duty?",
    )
    parser = leaf(commands, "selftest", words, selftest, needs=" cp-01", room="fleet")
    parser.add_argument("unit", metavar="UNIT", help=commands.say("单元", "the unit"))
    wait_options(commands, parser, TEST_S)


def logs(args: argparse.Namespace) -> int:
    """Prints the lines. 1 where none came."""
    if not 1 <= args.lines <= MAX_LINES:
        raise Fault(
            f"--lines {args.lines}：应在 1 到 {MAX_LINES} 之间",
            f"--lines {args.lines}: give 1 to {MAX_LINES}",
        )
    with opened(args) as (config, store):
        wanted = LogsWanted(args.unit_service, args.lines, _since_ms(args.since, config))
        text = msgspec.json.encode(wanted).decode()
        (one,) = ordered(args, store, [args.unit], "logs", text)
        lines = _lines(store, one) if one.done else None
    if lines is None:
        return _without(args, one)
    for line in lines:
        if args.json:
            print_rows(args, [{"unit": args.unit, "line": line}])
        else:
            print_line(printable(line))
    return 0


def selftest(args: argparse.Namespace) -> int:
    """Prints what was found. 1 where the unit is not fit for duty, or did not say."""
    with opened(args) as (_, store):
        (one,) = ordered(args, store, [args.unit], "selftest", None)
        lines = _lines(store, one) if one.done else None
    if lines is None:
        return _without(args, one)
    found = [_found(line) for line in lines if line]
    fit = bool(found) and all(one.verdict in SIGNS and one.verdict != "fault" for one in found)
    if args.json:
        print_rows(args, [{"unit": args.unit, **msgspec.structs.asdict(one)} for one in found])
        print_rows(args, [{"unit": args.unit, "fit": fit}])
    else:
        for one_line in _shown(found, args.language):
            print_line(printable(one_line))
        verdict = (
            Words("可以上岗", "fit for duty") if fit else Words("不可上岗", "NOT fit for duty")
        )
        print_line(f"{args.unit}: {verdict.say(args.language)}")
    return 0 if fit else 1


def _without(args: argparse.Namespace, one: Errand) -> int:
    if args.json:
        print_rows(args, [outcome_row(one)])
    elif args.no_wait:
        print_line(f"{one.unit}: {one.order}")
    else:
        print_line(printable(f"{one.unit}: {outcome_words(one).say(args.language)}"))
    return 0 if args.no_wait else 1


def _since_ms(text: str | None, config: GatewayConfig) -> int | None:
    """The moment that `--since` names: one, or so long ago."""
    found = AGO.fullmatch(text or "")
    if found is None:
        return _moment_ms(text, config)
    ago_ms = int(found[1]) * SIZES_S[found[2]] * 1000
    return max(0, time.time_ns() // 1_000_000 - ago_ms)


def _moment_ms(text: str | None, config: GatewayConfig) -> int | None:
    try:
        return moment_ms("--since", text, config)
    except Fault as exc:
        zh, en = exc.words
        raise Fault(f"{zh}，或多久以来：30m、2h、1d", f"{en}, or for so long: 30m, 2h, 1d") from exc


def _lines(store: Store, one: Errand) -> list[str]:
    """The text of a report. Raises `Fault` for one that is not whole, or none."""
    with store.reading() as connection:
        query = sa.select(reports.c.data, reports.c.total).where(reports.c.order_id == one.order)
        row: Any = connection.execute(query).first()
    try:
        if row is None or len(row.data) != row.total:
            raise BadPayload("it is not here whole")
        text = unpacked(row.data)
    except BadPayload as exc:
        raise Fault(
            f"{one.unit} 的报告无法读取：{exc}；请重新下达",
            f"the report of {one.unit} cannot be read: {exc}; order it again",
        ) from exc
    return text.decode("utf-8", "replace").split("\n")


def _found(line: str) -> Found:
    """A unit's own word, of which nothing is believed but that it is one."""
    try:
        return msgspec.json.decode(line, type=Found)
    except msgspec.DecodeError:
        return Found("?", "?", line)


def _shown(found: list[Found], language: Language) -> Iterator[str]:
    for one in found:
        sign = SIGNS[one.verdict].say(language) if one.verdict in SIGNS else "?"
        what = Words(one.what_zh or one.what, one.what).say(language)
        yield f"{one.part:<16} {sign:<8} {what}"
        if one.remedy:
            remedy = Words(one.remedy_zh or one.remedy, one.remedy).say(language)
            yield f"{'':<16} → {remedy}"
