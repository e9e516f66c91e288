"""`xunkong device`: run the unit, look into its journal, decode a receiver's recording."""

import argparse
import json
import os
import signal
import threading
from importlib.metadata import version
from pathlib import Path

import msgspec

from device.commission.cli import commission_command
from device.config import identity_folder, journal_path, load
from device.enrol_command import enrol_command
from device.journal.commands import journal_commands, opened
from device.logs_command import logs_command
from device.status.command import status_command
from device.update.command import updater_command
from wire.commands import Commands
from wire.service import Service
from wire.words import Words

CONFIG = "/etc/xunkong/device.toml"


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words("运行本单元，直到收到停止信号", "run this unit until it is told to stop")
    _config(commands, commands.add("run", words, f"xunkong device run --config {CONFIG}", run))
    words = Words("检查配置文件，不启动单元", "read a configuration, and say what is wrong with it")
    well = commands.add("check", words, f"xunkong device check --config {CONFIG}", check)
    _config(commands, well)
    _json(commands, well)
    status_command(commands)
    _safe_mode_command(commands)
    enrol_command(commands)
    updater_command(commands)
    logs_command(commands)
    _selftest_command(commands)
    commission_command(commands)
    journal_commands(commands)
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


def _config(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("单元的配置文件", "the unit's configuration")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help=said)


def _json(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)


def run(args: argparse.Namespace) -> int:
    """Runs the unit until SIGTERM or SIGINT; one that is retired only says so."""
    from device.bulletin import Bulletin
    from device.retired import is_retired, stay_off
    from device.runner import Runner

    config, service = load(args.config), Service(os.environ)
    if is_retired(identity_folder(args.config, config)):
        stay_off(args.config, config, _until_told(), service)
        return 0
    board = Bulletin.of(os.environ)
    runner = Runner(config, args.config, version("xunkong"), service=service, board=board)
    runner.run(_until_told())
    return 0


def check(args: argparse.Namespace) -> int:
    """Reads the configuration and nothing else; what is wrong with it is a `Fault`."""
    config = load(args.config)
    given = [name for name in config.__struct_fields__ if getattr(config, name) is not None]
    row = {"unit": config.unit.id, "role": config.unit.role, "sections": given}
    print(
        json.dumps(row) if args.json else f"{config.unit.id} {config.unit.role}: {' '.join(given)}"
    )
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


def clock(args: argparse.Namespace) -> int:
    """Shows the time's source, error and floor. 1 when the system's time is before the floor."""
    from device.clock_report import lines, of_this_machine

    with opened(args) as journal:
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
