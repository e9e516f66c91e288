"""What must not stand on a command line: typed unseen, or the first line of a file."""

import getpass
import sys
from pathlib import Path

from wire.words import Fault, Language, Words

ASKED = "-"


def unseen(asked: Words, language: Language) -> str:
    """Typed unseen; a line of standard input where nobody sits there."""
    if sys.stdin.isatty():
        return getpass.getpass(asked.say(language)).strip("\r\n")
    return sys.stdin.readline().strip("\r\n")


def secret(given: str, asked: Words, language: Language) -> str:
    """`given`: `-` asks, else the file whose first line it is. Raises `Fault`."""
    if given == ASKED:
        return unseen(asked, language)
    try:
        lines = Path(given).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise Fault(f"无法读取 {given}：{exc}", f"cannot read {given}: {exc}") from exc
    return lines[0] if lines else ""
