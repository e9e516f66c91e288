"""`xunkong device commission`: at the place where the unit is to stay."""

import argparse
import json
from pathlib import Path

from wire.commands import Commands
from wire.words import Fault, Words

CONFIG = Path("/etc/xunkong/device.toml")
SECONDS, MOST_S = 60.0, 3_600.0


def commission_command(commands: Commands) -> None:
    """Declares it."""
    words = Words(
        "现场验收：位置与链路，单元可同时运行",
        "on site: position and link, beside the running unit; is it fit there?",
    )
    example = "sudo xunkong device commission --at 27.2418,111.4725"
    add = commands.add("commission", words, example, commission)
    said = commands.say("单元的配置文件", "the unit's configuration")
    add.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=said)
    said = commands.say(
        "手机所示位置（WGS-84 度）", "the position as a phone shows it (WGS-84 degrees)"
    )
    add.add_argument("--at", metavar="LAT,LON", help=said)
    said = commands.say("链路测试秒数，缺省 60", "for how long the link is walked; 60")
    add.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help=said)
    said = commands.say(
        "验收单存放目录，缺省日志所在处", "where the sheet is written; beside the journal"
    )
    add.add_argument("--report", type=Path, metavar="DIR", help=said)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    add.add_argument("--json", action="store_true", help=said)


def commission(args: argparse.Namespace) -> int:
    """Looks, and writes the sheet. 1 when the unit is not fit there."""
    from device.commission.place import by_hand
    from device.commission.run import commission as look
    from device.commission.run import write_sheet
    from device.config import journal_path, load
    from device.selftest.finding import line
    from device.selftest.person import Person

    if not 0 < args.seconds <= MOST_S:
        raise Fault(
            f"--seconds {args.seconds:g}：应大于 0，至多 {MOST_S:g}",
            f"--seconds {args.seconds:g}: give more than 0, at most {MOST_S:g}",
        )
    config, person = load(args.config), Person(args.language, there=True)
    given = by_hand(args.at) if args.at else None
    found = look(args.config, config, given, args.seconds, person.waiting)
    person.done()
    paths = write_sheet(found, args.report or journal_path(args.config, config).parent)
    if args.json:
        print(json.dumps(found.row(), ensure_ascii=False))
        return 0 if found.fit else 1
    for finding in found.findings:
        print(line(finding, args.language))
    for words in _ending(found.fit, found.place.shown if found.place else None, paths):
        print(words.say(args.language))
    return 0 if found.fit else 1


def _ending(fit: bool, shown: str | None, paths: tuple[Path, Path]) -> list[Words]:
    sheet = f"{paths[0]}  {paths[1]}"
    lines = [
        Words("可以上岗", "fit for duty here")
        if fit
        else Words("不可上岗", "NOT fit for duty here"),
        Words(f"验收单：{sheet}", f"sheet: {sheet}"),
    ]
    if shown:
        lat, lon = shown.split(",")
        lines.insert(
            1, Words(f"地点：lat = {lat}  lon = {lon}", f"place: lat = {lat}  lon = {lon}")
        )
    return lines
