"""`xunkong gateway verify` and `evidence export`: is all proven, and an incident's share of it in one file."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.terminal import leaf, moment_ms, opened, print_rows, say
from wire.commands import Commands
from wire.evidence.roots import read_roots
from wire.words import Fault, Language, Words

if TYPE_CHECKING:
    from gateway.evidence.verify import LogResult, Total
    from wire.evidence.findings import Finding


def evidence_commands(commands: Commands) -> None:
    """Declares them."""
    _verify_command(commands)
    _export_command(commands)


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


def _export_command(commands: Commands) -> None:
    group = commands.group("evidence", Words("证据包", "bundles of evidence"))
    words = Words(
        "导出证据包；在别处用 xunkong evidence check 核验",
        "write a bundle of evidence; xunkong evidence check verifies it elsewhere",
    )
    needs = " --unit cp-01 --from 2026-11-23T08:00 --to 2026-11-23T09:00 case-17.zip"
    parser = leaf(group, "export", words, export, "evidence ", needs)
    parser.add_argument(
        "--unit", metavar="U", help=group.say("此单元的记录", "this unit's records")
    )
    said = group.say("自此时刻起", "from then on (ISO 8601; the site's zone)")
    parser.add_argument("--from", dest="begin", metavar="T", help=said)
    said = group.say("至此时刻（不含）", "until then")
    parser.add_argument("--to", dest="end", metavar="T", help=said)
    said = group.say("为此事件保留的照片及其记录", "the photos held for it, and their records")
    parser.add_argument("--incident", metavar="NAME", help=said)
    said = group.say("此条记录；可多次", "this record; may be given again")
    parser.add_argument("--record", action="append", default=[], metavar="ID", help=said)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help=group.say("文件", "the file"))


def export(args: argparse.Namespace) -> int:
    """Writes a bundle. 1 when a photo that belongs to it is not here."""
    from gateway.evidence.export import export
    from gateway.keys import GatewayKeys
    from wire.evidence.bundle import Choice

    with opened(args) as (config, store):
        begin, end = moment_ms("--from", args.begin, config), moment_ms("--to", args.end, config)
        if (begin is not None or end is not None) and not args.unit:
            raise Fault("--from 与 --to 需要 --unit", "--from and --to need --unit")
        choice = Choice(args.unit, begin, end, args.incident, tuple(args.record))
        keys, photos = GatewayKeys(Path(config.keys.folder)), Path(config.photos.path)
        now_ms = time.time_ns() // 1_000_000
        done = export(store, keys, photos, choice, args.bundle, now_ms)
    print_rows(args, [{"bundle": str(args.bundle), **msgspec.structs.asdict(done)}])
    return 1 if done.photos_missing else 0


def verify(args: argparse.Namespace) -> int:
    """Verifies the store. 1 when anything is not proven."""
    from gateway.evidence.verify import Scope, Verification, as_row
    from gateway.keys import authority
    from wire.evidence.findings import Finding
    from wire.progress import Progress

    with opened(args) as (config, store):
        forwarded = read_roots(args.roots) if args.roots else {}
        scope = Scope(args.unit, moment_ms("--since", args.since, config), forwarded)
        words, unit = Words("核验", "verifying"), Words("千条", "k records").say(args.language)
        progress = Progress(words.say(args.language), per=1000, unit=unit)
        run = Verification(
            store, authority(Path(config.keys.folder)), Path(config.photos.path), scope, progress.at
        )
        unproven = 0
        for one in run.run():
            unproven += isinstance(one, Finding) and not one.is_note
            progress.end()
            say(as_row(one) if args.json else _line(one, unproven, args.language))
    return 1 if unproven else 0


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
    zh = f"（已比对 {one.compared} 个）" if one.compared else ""
    en = f" ({one.compared} compared with those given)" if one.compared else ""
    day = f"; {one.newest_day} {one.newest_root}" if one.newest_day else ""
    return Words(
        f"{verdict.zh}：{one.logs} 个日志，{one.proven}/{one.records} 条记录，"
        f"{one.photos_proven}/{one.photos} 张照片，{one.days} 个每日根值{zh}{day}",
        f"{verdict.en}: {one.logs} logs, {one.proven}/{one.records} records, "
        f"{one.photos_proven}/{one.photos} photos, {one.days} daily roots{en}{day}",
    )
