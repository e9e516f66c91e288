"""`xunkong sim`: simulated parts and platform, the demo, and the measurements."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from hardware.errors import HardwareError
from wire.commands import Commands
from wire.words import Fault, Words


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words("把录制的 NMEA 当作接收机播放", "play a recording as a receiver")
    gps = commands.add("gps", words, "xunkong sim gps drive.nmea --loop", play_gps)
    gps.add_argument(
        "log", type=Path, metavar="LOG", help=commands.say("录制文件", "the recording")
    )
    gps.add_argument("--loop", action="store_true", help=commands.say("循环", "again and again"))
    said = commands.say("倍速", "so many times faster")
    gps.add_argument("--rate", type=float, default=1.0, metavar="X", help=said)
    said = commands.say("改写为当前时间", "put the present time into it")
    gps.add_argument("--restamp", action="store_true", help=said)
    words = Words("模拟读卡器，从标准输入读命令", "a simulated reader; commands on stdin")
    pn532 = commands.add("pn532", words, "echo present 04a1b2c3 | xunkong sim pn532", play_pn532)
    said = commands.say("另建此符号链接", "make this symbolic link to it")
    pn532.add_argument("--link", type=Path, metavar="PATH", help=said)
    words = Words("模拟指挥平台", "a command platform's stand-in")
    example = "xunkong sim platform --port 8800 --store events.jsonl"
    platform = commands.add("platform", words, example, serve_platform)
    said = commands.say("端口（仅 127.0.0.1）", "port, on 127.0.0.1")
    platform.add_argument("--port", type=int, required=True, metavar="P", help=said)
    said = commands.say("事件存入此文件", "keep the events in this file")
    platform.add_argument("--store", type=Path, required=True, metavar="FILE", help=said)
    words = Words(
        "单元与消息代理之间的坏线路，从标准输入读命令", "bad lines to a broker; commands on stdin"
    )
    commands.add("line", words, "xunkong sim line", keep_lines)
    _unit_command(commands)
    _demo_command(commands)
    _chaos_command(commands)
    _bench_command(commands)


def _unit_command(commands: Commands) -> None:
    words = Words("用键盘操作一台模拟单元", "a simulated unit, driven from the keyboard")
    parser = commands.add("unit", words, "xunkong sim unit --role vehicle", drive_unit)
    said = commands.say("单元种类", "which kind of unit")
    roles = ("vehicle", "checkpoint")
    parser.add_argument("--role", choices=roles, default="vehicle", help=said)
    said = commands.say("文件留在此空目录", "keep the files in this empty folder")
    parser.add_argument("--folder", type=Path, metavar="DIR", help=said)
    said = commands.say("用此消息代理；缺省自带全套", "use this broker; else all is brought along")
    parser.add_argument("--broker", metavar="HOST:PORT", help=said)
    said = commands.say("每件事一行 JSON，不画屏幕", "a JSON line per happening, no drawing")
    parser.add_argument("--json", action="store_true", help=said)


def _demo_command(commands: Commands) -> None:
    words = Words("一次完整的巡逻", "a whole patrol, from tap to platform")
    parser = commands.add("demo", words, "xunkong sim demo --seconds 40 --report r.json", demo)
    said = commands.say("时长，缺省约 40", "how long; about 40 if left out")
    parser.add_argument("--seconds", type=float, default=40.0, metavar="N", help=said)
    said = commands.say("结果另存为 JSON", "write the result as JSON")
    parser.add_argument("--report", type=Path, metavar="FILE", help=said)
    said = commands.say("车辆用的 NMEA 录制", "your own NMEA recordings for the vehicles")
    parser.add_argument("--gps", type=Path, nargs="+", default=[], metavar="FILE", help=said)


def _chaos_command(commands: Commands) -> None:
    words = Words(
        "按种子施加故障，核对有无丢失", "faults by a seed, and a check that nothing is lost"
    )
    example = "xunkong sim chaos --minutes 4 --seed 1 --report r.json"
    parser = commands.add("chaos", words, example, chaos)
    said = commands.say("时长（分钟）", "how long, in minutes")
    parser.add_argument("--minutes", type=float, default=1.5, metavar="N", help=said)
    said = commands.say("种子：相同则故障相同", "the same seed, the same faults")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help=said)
    said = commands.say("结果另存为 JSON", "write the result as JSON")
    parser.add_argument("--report", type=Path, metavar="FILE", help=said)
    said = commands.say("单元数，缺省 20", "how many units; 20 if left out")
    parser.add_argument("--units", type=int, default=20, metavar="N", help=said)
    said = commands.say("故障数，缺省每分钟 50", "how many faults; 50 a minute if left out")
    parser.add_argument("--faults", type=int, metavar="N", help=said)
    said = commands.say("文件留在此空目录", "keep the files in this empty folder")
    parser.add_argument("--folder", type=Path, metavar="DIR", help=said)


def _bench_command(commands: Commands) -> None:
    words = Words("测量", "measure")
    parser = commands.add("bench", words, "xunkong sim bench --only journal", bench)
    said = commands.say("只测这些", "only these")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=said)
    parser.add_argument("--json", action="store_true", help="JSON")


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def play_gps(args: argparse.Namespace) -> int:
    """Plays until it is told to stop; after the end of the recording the line stays open, and silent."""
    from hardware.gps.twin import GpsTwin

    if not args.rate > 0:
        raise Fault(f"--rate {args.rate}：须大于 0", f"--rate {args.rate}: must be more than 0")
    try:
        twin = GpsTwin(args.log, loop=args.loop, rate=args.rate, restamp=args.restamp)
    except OSError as exc:
        raise Fault(
            f"无法读取 {args.log}：{exc.strerror}；请检查路径",
            f"cannot read {args.log}: {exc.strerror}; check the path",
        ) from exc
    stop = _until_told()
    twin.start()
    print(twin.port, flush=True)
    stop.wait()
    twin.stop()
    return 0


def play_pn532(args: argparse.Namespace) -> int:
    """Does what stdin says until `quit` or its end; answers each command with a JSON line."""
    from hardware.pn532.twin import Pn532Twin
    from sim.wallet import Wallet

    twin, wallet = Pn532Twin(args.link), Wallet()
    print(twin.port, flush=True)
    table: dict[str, Callable[..., int | None]] = {
        "present": lambda *words: twin.present(*wallet.cards(words)),
        "remove": twin.remove,
        "mute": twin.mute,
        "unmute": lambda: twin.mute(False),
        "noise": twin.noise,
        "lose_ack": twin.lose_ack,
        "lose_answer": twin.lose_answer,
        "spoil": twin.spoil,
        "refuse": lambda: twin.spoil("refuse"),
        "wrong": lambda: twin.spoil("wrong"),
        "stale": lambda: twin.spoil("stale"),
        "split": twin.split,
        "glue": twin.glue,
        "whole": twin.whole,
        "sleep": twin.sleep,
        "raise_baud": twin.raise_baud,
        "torn": twin.torn,
        "unplug": twin.unplug,
        "plug": twin.plug,
    }
    try:
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            if line.strip():
                print(json.dumps(_obey(table, line.split())), flush=True)
    finally:
        twin.stop()
    return 0


def _obey(table: dict[str, Callable[..., int | None]], words: list[str]) -> dict[str, object]:
    from sim.wallet import FAMILIES

    name, given = words[0], words[1:]
    if name not in table:
        return {"error": f"{name!r} is none of {', '.join(table)}, quit"}
    most = {"present": 2, "remove": 1}.get(name, 0)
    count = len(given) - (sum(word in FAMILIES for word in given) if name == "present" else 0)
    if not (name == "present") <= count <= most:
        return {"error": f"{name} takes {'one or two UIDs' if most == 2 else 'nothing more'}"}
    try:
        return {"did": name, "mono_ns": table[name](*given)}
    except HardwareError as exc:
        return {"error": str(exc)}


def serve_platform(args: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from sim.platform import Platform

    try:
        platform = Platform(args.port, args.store)
    except (OSError, OverflowError) as exc:
        raise Fault(
            f"平台无法启动（端口 {args.port}，文件 {args.store}）：{exc}",
            f"the platform cannot start (port {args.port}, file {args.store}): {exc}; choose others",
        ) from exc
    stop = _until_told()
    thread = threading.Thread(target=platform.serve, name="platform", daemon=True)
    thread.start()
    print(f"http://127.0.0.1:{platform.port}/events", flush=True)
    stop.wait()
    platform.stop()
    return 0


def drive_unit(args: argparse.Namespace) -> int:
    """Runs the unit until it is told to stop."""
    from sim.unit.run import run_unit

    broker = None if args.broker is None else _address(args.broker)
    return run_unit(args.role, args.folder, broker, args.json, args.language)


def _address(said: str) -> tuple[str, int]:
    host, _, port = said.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Fault(
            f"--broker {said}：应为 主机:端口，如 127.0.0.1:1883",
            f"--broker {said}: give HOST:PORT, such as 127.0.0.1:1883",
        )
    return host, int(port)


def demo(args: argparse.Namespace) -> int:
    """Runs the demo. 1 when anything was lost or doubled."""
    from sim.demo import run_demo

    return run_demo(args.seconds, args.report, args.gps, args.language)


def keep_lines(args: argparse.Namespace) -> int:
    """Keeps lines until the end of its input."""
    import asyncio

    from sim.chaos.line import serve

    del args
    asyncio.run(serve())
    return 0


def chaos(args: argparse.Namespace) -> int:
    """Runs the rig. 1 when anything was lost, doubled or out of order."""
    from sim.chaos.run import run_chaos

    return run_chaos(
        args.minutes, args.seed, args.report, args.units, args.faults, args.folder, args.language
    )


def bench(args: argparse.Namespace) -> int:
    """Runs the measurements. 1 when a goal was missed."""
    from sim.bench import run_bench

    return run_bench(args.only, args.json)
