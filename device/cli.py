"""`xunkong device`: run the unit, look into its journal, decode a receiver's recording."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec

from device.config import journal_path, load
from device.enrol_command import enrol_command
from device.journal.errors import RottenRow
from device.journal.inspect import all_logs, verify
from device.journal.journal import Journal
from device.status.command import status_command
from device.update.command import updater_command
from wire.commands import Commands
from wire.records import STREAMS, Stream
from wire.service import Service
from wire.words import Words

CONFIG = "/etc/xunkong/device.toml"


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words("运行本单元，直到收到停止信号", "run this unit until it is told to stop")
    _config(commands, commands.add("run", words, f"xunkong device run --config {CONFIG}", run))
    status_command(commands)
    _safe_mode_command(commands)
    enrol_command(commands)
    updater_command(commands)
    _selftest_command(commands)
    _journal_commands(commands)
    words = Words("时间从哪里来、误差多少", "where the time comes from, and how sure it is")
    time = commands.add("clock", words, f"xunkong device clock --config {CONFIG} --json", clock)
    _config(commands, time)
    _json(commands, time)
    words = Words("机器与链路的状况", "how the machine and its link are")
    well = commands.add("health", words, f"xunkong device health --config {CONFIG} --json", health)
    _config(commands, well)
    _json(commands, well)
    words = Words("显示本单元的公钥", "this unit's public key")
    public = commands.add("key", words, f"xunkong device key --config {CONFIG}", key)
    _config(commands, public)
    _json(commands, public)
    gps = commands.group("gps", Words("定位", "positions"))
    decode = gps.add(
        "decode",
        Words("把录制的 NMEA 数据解码为定位，每行一个", "a recorded stream to fixes, one a line"),
        "xunkong device gps decode drive.nmea --json",
        gps_decode,
    )
    decode.add_argument("file", type=Path, help=gps.say("录制文件", "the recording"))
    _json(gps, decode)


def _safe_mode_command(commands: Commands) -> None:
    words = Words(
        "安全模式：在面板上示警", "safe mode: show at the panel that the unit cannot start"
    )
    example = f"xunkong device safe-mode --config {CONFIG} --for 60"
    parser = commands.add("safe-mode", words, example, safe_mode)
    _config(commands, parser)
    said = commands.say("持续秒数", "for how many seconds")
    parser.add_argument("--for", type=float, default=60.0, dest="for_s", metavar="S", help=said)


def _selftest_command(commands: Commands) -> None:
    words = Words("自检：逐个部件测试，能否上岗", "try each part; is the unit fit for duty?")
    parser = commands.add(
        "selftest", words, f"xunkong device selftest --config {CONFIG} --no-touch", selftest
    )
    _config(commands, parser)
    said = commands.say("无人在场：不要求刷卡、按键", "nobody is there to tap and to press")
    parser.add_argument("--no-touch", action="store_true", help=said)
    _json(commands, parser)


def _journal_commands(commands: Commands) -> None:
    group = commands.group("journal", Words("日志", "the journal"))
    table = {
        "stat": (Words("日志的状况", "how the journal stands"), journal_stat),
        "list": (Words("列出记录", "list the records"), journal_list),
        "verify": (Words("校验每条记录与链", "check every record and the chain"), journal_verify),
        "export": (
            Words("导出每条记录的原文与链值", "every record's own bytes, with its chain value"),
            journal_export,
        ),
    }
    for name, (words, run) in table.items():
        example = f"xunkong device journal {name} --config {CONFIG} --json"
        parser = group.add(name, words, example, run)
        _config(group, parser)
        _json(group, parser)


def _config(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("单元的配置文件", "the unit's configuration")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help=said)


def _json(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)


def run(args: argparse.Namespace) -> int:
    """Runs the unit until SIGTERM or SIGINT."""
    from device.bulletin import Bulletin
    from device.runner import Runner

    config, service = load(args.config), Service(os.environ)
    board = Bulletin.of(os.environ)
    runner = Runner(config, args.config, version("xunkong"), service=service, board=board)
    runner.run(_until_told())
    return 0


def safe_mode(args: argparse.Namespace) -> int:
    """Shows for a while that the unit cannot start."""
    from device.safe_mode import safe_mode as show

    show(args.config, args.for_s, _until_told(), Service(os.environ))
    return 0


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def selftest(args: argparse.Namespace) -> int:
    """Tries each configured part. 1 when the unit is not fit for duty."""
    from device.selftest.run import selftest as run_selftest

    return run_selftest(args.config, load(args.config), not args.no_touch, args.json, args.language)


@contextmanager
def _reading(args: argparse.Namespace) -> Iterator[Journal]:
    journal = Journal.open(journal_path(args.config, load(args.config)), read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def journal_stat(args: argparse.Namespace) -> int:
    """How the journal stands: size, and per log what it holds and what the gateway has."""
    max_mb = load(args.config).journal.max_mb
    with _reading(args) as journal:
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
        head = {"path": str(journal.path), "size_bytes": size, "max_bytes": max_mb * 2**20}
        print(json.dumps({**head, "logs": rows}))
        return 0
    print(f"{journal.path}: {size / 2**20:.1f} / {max_mb} MiB")
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    return 0


def journal_list(args: argparse.Namespace) -> int:
    """The records, a line each. 1 when some cannot be read any more."""

    def line(stream: Stream, log: str, seq: int, raw: bytes) -> str:
        if not args.json:
            return f"{stream}/{log}/{seq} {raw.decode()}"
        head = {"stream": stream, "log": log, "seq": seq}
        return msgspec.json.encode({**head, "record": msgspec.Raw(raw)}).decode()

    return _print_all(args, lambda stream, log, seq, _, raw: line(stream, log, seq, raw))


def journal_export(args: argparse.Namespace) -> int:
    """The records as they are chained: the exact bytes as text, and the value after each; 1 as above."""

    def line(stream: Stream, log: str, seq: int, h: bytes, raw: bytes) -> str:
        row = {"stream": stream, "log": log, "seq": seq, "h": h.hex(), "raw": raw.decode()}
        return json.dumps(row, ensure_ascii=False)

    return _print_all(args, line)


def _print_all(
    args: argparse.Namespace, line: Callable[[Stream, str, int, bytes, bytes], str]
) -> int:
    rotten: list[RottenRow] = []
    with _reading(args) as journal:
        for stream in STREAMS:
            for log, seq, h, raw in journal.iterate(stream, rotten):
                print(line(stream, log, seq, h, raw))
    for row in rotten:
        print(f"xunkong: {row.words.say(args.language)}", file=sys.stderr)
    return 1 if rotten else 0


def journal_verify(args: argparse.Namespace) -> int:
    """Checks every record. 1 when something is wrong."""
    with _reading(args) as journal:
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


def clock(args: argparse.Namespace) -> int:
    """Shows the time's source, error and floor. 1 when the system's time is before the floor."""
    from device.clock_report import lines, of_this_machine

    with _reading(args) as journal:
        report = of_this_machine(journal)
    if args.json:
        print(msgspec.json.encode(report).decode())
    else:
        print("\n".join(lines(report, args.language)))
    return 1 if report.behind_ms else 0


def health(args: argparse.Namespace) -> int:
    """Looks once at board and modem, and shows the books as last saved."""
    from device.health_report import lines, look

    report = look(args.config, load(args.config))
    if args.json:
        print(msgspec.json.encode(report).decode())
    else:
        print("\n".join(lines(report, args.language)))
    return 0


def key(args: argparse.Namespace) -> int:
    """Prints the unit's public key, which a technician sets at the gateway."""
    from device.own_key import key_path, own_key
    from wire.seal import public_of

    config = load(args.config)
    public = public_of(own_key(key_path(journal_path(args.config, config))))
    print(json.dumps({"unit": config.unit.id, "public": public}) if args.json else public)
    return 0


def gps_decode(args: argparse.Namespace) -> int:
    """A recording to fixes, and what was refused and why. 1 when there is no fix in it."""
    from device.gps_decode import decode

    return decode(args.file, as_json=args.json, language=args.language)
