"""`xunkong gateway verify` and `evidence export`: is all proven, and an incident's share of it in one file."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.terminal import leaf, moment_ms, opened, say
from wire.commands import Commands
from wire.words import Fault, Language, Words

if TYPE_CHECKING:
    from gateway.evidence.verify import LogResult, Total
    from wire.evidence.findings import Finding


def evidence_commands(commands: Commands) -> None:
    """Declares them."""
    _verify_command(commands)


def _verify_command(commands: Commands) -> None:
    words = Words(
        "核验全部记录、签名、照片与每日根值；有未证实者返回 1",
        "verify all records, signatures, photos and daily roots; 1 when anything is not proven",
    )
    parser = leaf(commands, "verify", words, verify)
    parser.add_argument("--unit", metavar="U", help=commands.say("只核验此单元", "this unit only"))
    said = commands.say("只核验自此时刻起收到的", "only what was received since then")
    parser.add_argument("--since", metavar="T", help=said)
    said = commands.say(
        "平台收到的 root 记录（每行一个 JSON）", "root records as the platform has them, JSON lines"
    )
    parser.add_argument("--roots", type=Path, metavar="FILE", help=said)


def verify(args: argparse.Namespace) -> int:
    """Verifies the store. 1 when anything is not proven."""
    from gateway.evidence.verify import Scope, Verification, as_row
    from gateway.keys import authority
    from wire.evidence.findings import Finding
    from wire.progress import Progress

    with opened(args) as (config, store):
        forwarded = read_roots(args.roots) if args.roots else {}
        scope = Scope(args.unit, moment_ms("--since", args.since, config), forwarded)
        progress = Progress(Words("核验", "verifying").say(args.language))
        run = Verification(
            store, authority(Path(config.keys.folder)), Path(config.photos.path), scope, progress
        )
        unproven = 0
        for one in run.run():
            unproven += isinstance(one, Finding) and not one.is_note
            progress.clear()
            say(as_row(one) if args.json else _line(one, unproven, args.language))
    return 1 if unproven else 0


def read_roots(path: Path) -> dict[str, str]:
    """The roots by their day, from JSON lines: records, or events with a record as `data`. Raises `Fault`."""
    found = {}
    try:
        for text in path.read_text("utf-8").splitlines():
            one = json.loads(text)
            record = one.get("data", one)
            if record.get("kind") == "root":
                found[str(record["date"])] = str(record["root"])
    except (OSError, ValueError, AttributeError, KeyError) as exc:
        raise Fault(
            f"{path} 不是 root 记录（每行一个 JSON）：{exc}",
            f"{path} does not hold root records as JSON lines: {exc}",
        ) from exc
    return found


def _line(one: "LogResult | Finding | Total", unproven: int, language: Language) -> str | None:
    """For people; None where there is nothing to tell."""
    from gateway.evidence.verify import LogResult
    from wire.evidence.findings import Finding

    if isinstance(one, LogResult):
        return None
    if isinstance(one, Finding):
        return one.line(language)
    return _total(one, unproven).say(language)


def _total(one: "Total", unproven: int) -> Words:
    verdict = Words(f"有 {unproven} 处未证实", f"{unproven} things NOT proven")
    if not unproven:
        verdict = Words("全部证实", "all proven")
    day = f"; {one.newest_day} {one.newest_root}" if one.newest_day else ""
    return Words(
        f"{verdict.zh}：{one.logs} 个日志，{one.proven}/{one.records} 条记录，"
        f"{one.photos_proven}/{one.photos} 张照片，{one.days} 个每日根值{day}",
        f"{verdict.en}: {one.logs} logs, {one.proven}/{one.records} records, "
        f"{one.photos_proven}/{one.photos} photos, {one.days} daily roots{day}",
    )
