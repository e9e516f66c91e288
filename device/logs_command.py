"""`xunkong device logs`: reads the machine's own logs for the unit, which may not; started by systemd at a wish."""

import argparse
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from device.reporter import MAX_WISH_BYTES, REPORT, WISH, read_plain
from wire.batch import BadPayload
from wire.commands import Commands
from wire.report import MAX_TEXT_BYTES, LogsWanted, Of, logs_wanted, packed
from wire.words import Fault, Words

KEEP = Path("/var/lib/xunkong/report")
READ_S = 60.0
WHOSE: dict[Of, tuple[str, ...]] = {
    "xunkong": ("--unit=xunkong-*",),
    "device": ("--unit=xunkong-device.service",),
    "update": ("--unit=xunkong-update.service", "--unit=xunkong-guard.service",
               "--unit=xunkong-patch.service"),
    "kernel": ("--dmesg",),
    "network": ("--unit=NetworkManager.service", "--unit=ModemManager.service"),
    "time": ("--unit=chrony.service",),
}  # fmt: skip


def logs_command(commands: Commands) -> None:
    """Declares it."""
    words = Words(
        "为单元读取本机日志（由 systemd 启动）",
        "read this machine's logs for the unit; systemd starts it",
    )
    parser = commands.add("logs", words, f"xunkong device logs --keep {KEEP}", logs)
    said = commands.say("与单元共用的目录", "the folder that it shares with the unit")
    parser.add_argument("--keep", type=Path, default=KEEP, metavar="DIR", help=said)
    said = commands.say("读取日志的程序", "the program that reads logs")
    parser.add_argument("--journalctl", default="journalctl", metavar="PROGRAM", help=said)


def logs(args: argparse.Namespace) -> int:
    """Sees to the wish that is there. Whatever comes of it, the wish is gone then."""
    wish: Path = args.keep / WISH
    try:
        wanted = logs_wanted(read_plain(wish, MAX_WISH_BYTES).decode())
        draft = args.keep / f".{REPORT}.new"
        draft.write_bytes(packed(_read(args.journalctl, wanted) or b"-- no lines --\n"))
        draft.chmod(0o660)
        draft.replace(args.keep / REPORT)
    except (OSError, BadPayload, UnicodeDecodeError, subprocess.SubprocessError) as exc:
        raise Fault(f"无法读取日志：{exc}", f"cannot read the logs: {exc}") from exc
    finally:
        wish.unlink(missing_ok=True)
    return 0


def _read(journalctl: str, wanted: LogsWanted) -> bytes:
    """The lines, the oldest first. They are read the newest first, so that the bound takes the oldest."""
    since = () if wanted.since_ms is None else (f"--since={_moment(wanted.since_ms)}",)
    command = [journalctl, "--quiet", "--no-pager", "--reverse", "--utc", "--output=short-iso"]
    with subprocess.Popen(
        [*command, f"--lines={wanted.lines}", *since, *WHOSE[wanted.of]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as reading:
        assert reading.stdout
        text = reading.stdout.read(MAX_TEXT_BYTES)
        reading.terminate()
        reading.wait(READ_S)
    whole = text if len(text) < MAX_TEXT_BYTES else text[: text.rfind(b"\n") + 1]
    return b"".join(reversed(whole.splitlines(keepends=True)))


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
