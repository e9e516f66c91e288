"""The front door: one command, `xunkong`; each room brings its own sub-commands, and only the one used is opened."""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise

from wire.commands import Commands
from wire.words import Fault, Language, Words, language_of

ROOMS = {
    "device": Words("单元：记录与上报", "the unit: runs in vehicles and at checkpoints"),
    "gateway": Words("网关：接收、保存、转发", "the gateway: takes, keeps, forwards"),
    "provision": Words("部署：从空白树莓派到上岗", "provision: from a blank Pi to duty"),
    "card": Words("卡：密钥、读取、写卡、验证", "cards: keys, read, personalise, verify"),
    "evidence": Words("证据包：核验", "bundles of evidence: verify"),
    "fleet": Words("全部单元：查看、照管、分批更新", "all units: look, care, updates in waves"),
    "release": Words("发行：构建、签署、发布", "releases of the units' software"),
    "sim": Words("模拟：接收机、读卡器、平台", "simulated receivers, readers, platform"),
}
MODULES = {
    "card": "device.card.cli",
    "evidence": "wire.evidence.cli",
    "fleet": "gateway.rollout.cli",
    "release": "gateway.releases.cli",
}
"""Where a room's commands are, if not in the room's own `cli`."""

ABOUT = Words(
    "巡控：巡逻打卡固件与网关。",
    "Xunkong: patrol check-in firmware and its gateway.",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. What is wrong is one line on stderr, and 2."""
    args = list(sys.argv[1:] if argv is None else argv)
    language = _language(args)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        parsed = _parser(args, language).parse_args(args)
        parsed.language = language
        return int(parsed.run(parsed))
    except Fault as fault:
        print(f"xunkong: {fault.words.say(language)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _language(args: Sequence[str]) -> Language:
    words = [word for arg in args for word in arg.split("=", 1)]
    for option, value in pairwise(words):
        if option == "--lang" and value in ("zh", "en"):
            return "zh" if value == "zh" else "en"
    return language_of(os.environ)


def _parser(args: Sequence[str], language: Language) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("xunkong", description=ABOUT.say(language))
    parser.add_argument("--version", action="version", version=f"xunkong {version('xunkong')}")
    parser.add_argument("--lang", choices=("zh", "en"), help="中文 / English (XUNKONG_LANG)")
    commands = Commands(parser, language)
    for room, words in ROOMS.items():
        group = commands.group(room, words)
        if room in args:
            importlib.import_module(MODULES.get(room, f"{room}.cli")).add_commands(group)
    return parser


if __name__ == "__main__":
    sys.exit(main())
