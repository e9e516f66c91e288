"""`xunkong device journal`: how it stands, its records, whether they are sound, and a file of them for the gateway."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from device.config import journal_path, load
from device.journal.errors import RottenRow
from device.journal.inspect import all_logs, verify
from device.journal.journal import Journal
from device.places import CONFIG, Places, by_config, on_card
from wire.commands import Commands
from wire.progress import MIB, Bars
from wire.records import STREAMS
from wire.words import Fault, Language, Words

if TYPE_CHECKING:
    from device.journal.export import Exported


def journal_commands(commands: Commands) -> None:
    """Declares them."""
    group = commands.group("journal", Words("日志", "the journal"))
    table = {
        "stat": (Words("日志的状况", "how the journal stands"), journal_stat),
        "list": (
            Words(
                "列出记录（--json 带链值）", "list the records; --json has each one's chain value"
            ),
            journal_list,
        ),
        "verify": (Words("校验每条记录与链", "check every record and the chain"), journal_verify),
    }
    for name, (words, run) in table.items():
        example = f"xunkong device journal {name} --config /{CONFIG} --json"
        parser = group.add(name, words, example, run)
        said = group.say("单元的配置文件", "the unit's configuration")
        parser.add_argument("--config", type=Path, required=True, metavar="FILE", help=said)
        _json(group, parser)
    _export_command(group)


def _export_command(group: Commands) -> None:
    words = Words(
        "把单元（或其存储卡）上的日志导出为一个文件，供 xunkong gateway journal import 接收；不完整返回 1",
        "what a unit, or its card, still has, as a file for xunkong gateway journal import; 1 when not all of "
        "it could be read",
    )
    example = "sudo xunkong device journal export --root /media/card --photos cp-01.zip"
    parser = group.add("export", words, example, journal_export)
    parser.add_argument("file", type=Path, metavar="FILE", help=group.say("新文件", "the new file"))
    said = group.say("存储卡根分区的挂载处", "where the root file system of the card is mounted")
    parser.add_argument("--root", type=Path, metavar="DIR", help=said)
    said = group.say("在单元上：其配置文件", "on the unit itself: its configuration")
    parser.add_argument("--config", type=Path, metavar="FILE", help=said)
    said = group.say(
        "日志文件；证书与照片在其旁的 identity、photos",
        "the journal alone; its identity and photos lie beside it",
    )
    parser.add_argument("--journal", type=Path, metavar="FILE", help=said)
    said = group.say("连同未上传的照片", "photos that were not sent, too")
    parser.add_argument("--photos", action="store_true", help=said)
    _json(group, parser)


def _json(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Journal]:
    """The journal that the configuration names, to be read."""
    journal = Journal.open(journal_path(args.config, load(args.config)), read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def journal_stat(args: argparse.Namespace) -> int:
    """How the journal stands: size, and per log what it holds and what the gateway has."""
    max_mb = load(args.config).journal.max_mb
    with opened(args) as journal:
        size = journal.size_bytes()
        states = all_logs(journal)
    rows = [
        {
            "stream": state.stream,
            "log": state.log,
            "oldest": state.oldest,
            "last": state.last,
            "acknowledged": state.next - 1,
            "waiting": max(0, state.last - max(state.next, state.oldest) + 1),
            "sealed": state.sealed,
        }
        for state in states
    ]
    if args.json:
        head = {"path": str(journal.path), "size_bytes": size, "max_bytes": max_mb * MIB}
        print(json.dumps({**head, "logs": rows}))
        return 0
    print(f"{journal.path}: {size / MIB:.1f} / {max_mb} MiB")
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    return 0


def journal_list(args: argparse.Namespace) -> int:
    """The records, a line each; 1 when some cannot be read any more."""
    rotten: list[RottenRow] = []
    with opened(args) as journal:
        for stream in STREAMS:
            for log, seq, h, raw in journal.iterate(stream, rotten):
                if args.json:
                    head = {"stream": stream, "log": log, "seq": seq, "h": h.hex()}
                    print(msgspec.json.encode({**head, "record": msgspec.Raw(raw)}).decode())
                else:
                    print(f"{stream}/{log}/{seq} {raw.decode()}")
    for row in rotten:
        print(f"xunkong: {row.words.say(args.language)}", file=sys.stderr)
    return 1 if rotten else 0


def journal_verify(args: argparse.Namespace) -> int:
    """Checks every record. 1 when something is wrong."""
    with opened(args) as journal:
        findings = list(verify(journal))
        checked = sum(state.last - state.oldest + 1 for state in all_logs(journal))
    for finding in findings:
        if args.json:
            print(msgspec.json.encode(finding).decode())
        else:
            print(f"{finding.stream}/{finding.log} {finding.first}-{finding.last}: {finding.what}")
    said = Words(
        f"检查了 {checked} 条记录，发现 {len(findings)} 处问题",
        f"{checked} records checked, {len(findings)} findings",
    )
    if args.json:
        print(json.dumps({"checked": checked, "findings": len(findings)}))
    else:
        print(said.say(args.language))
    return 1 if findings else 0


def journal_export(args: argparse.Namespace) -> int:
    """Writes the file. 1 when something that the card should have could not be read."""
    from device.journal.export import export

    places = _places(args)
    bars = Bars(_titles(args.language))
    try:
        done = export(places, args.file, args.photos, bars.at)
    finally:
        bars.end()
    if args.json:
        row = {"file": str(args.file), **msgspec.structs.asdict(done), "whole": done.whole}
        print(msgspec.json.encode(row).decode())
    else:
        print(_told(args.file, done).say(args.language))
        for words in _warnings(done):
            print(f"xunkong: {words.say(args.language)}", file=sys.stderr)
    return 0 if done.whole else 1


def _told(file: Path, done: "Exported") -> Words:
    zh = f"{file}：{done.unit}，{done.records} 条记录，{done.photos} 张照片，{done.bytes} 字节"
    en = f"{file}: {done.unit}, {done.records} records, {done.photos} photos, {done.bytes} bytes"
    if not done.photos_left:
        return Words(zh, en)
    return Words(
        f"{zh}；{done.photos_left} 张照片留在卡上（--photos）",
        f"{en}; {done.photos_left} photos stay on the card (--photos)",
    )


def _warnings(done: "Exported") -> Iterator[Words]:
    """What the card should have, and could not be read."""
    if done.salvaged:
        yield Words(
            "日志已损坏，已读出尚可读的部分", "the journal was damaged; what can be read is there"
        )
    if done.lost:
        yield Words(
            f"{done.lost} 条记录无法读出，已声明",
            f"{done.lost} records could not be read, and are declared",
        )
    if done.cut:
        yield Words(
            f"末尾的记录可能缺失：{done.cut}", f"its newest records may be missing: {done.cut}"
        )
    if done.photos_rotten:
        yield Words(
            f"{done.photos_rotten} 张照片已损坏", f"{done.photos_rotten} photos are damaged"
        )


def _places(args: argparse.Namespace) -> Places:
    given = [name for name in ("root", "config", "journal") if getattr(args, name)]
    if len(given) != 1:
        raise Fault(
            "请给出 --root DIR（挂载的存储卡）、--config FILE（在单元上）或 --journal FILE 之一",
            "give one of --root DIR (the card's mount), --config FILE (on the unit), --journal FILE",
        )
    if args.config:
        return by_config(args.config, load(args.config))
    if args.journal:
        beside = args.journal.parent
        return Places(args.journal, beside / "identity", beside / "photos")
    places = on_card(args.root)
    if places.fault:
        words = Words(
            f"{places.fault.words.zh}；按缺省位置继续",
            f"{places.fault.words.en}; going on with the usual places",
        )
        print(f"xunkong: {words.say(args.language)}", file=sys.stderr)
    return places


def _titles(language: Language) -> dict[str, tuple[str, int, str]]:
    records, photos = Words("记录", "records"), Words("照片", "photos")
    return {
        "copy": (Words("复制日志", "copying the journal").say(language), MIB, "MiB"),
        "records": (records.say(language), 1000, Words("千条", "k").say(language)),
        "photos": (photos.say(language), 1, ""),
    }
