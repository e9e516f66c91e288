"""A line that a person reads, in Chinese and in English; the reader's language is chosen where it is shown."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from unicodedata import combining, east_asian_width

Language = Literal["zh", "en"]

WIDE_SPACE = "\u3000"
"""Chinese text's own space, which Python takes for none that is to be printed."""


class Words(NamedTuple):
    """One message in both languages."""

    zh: str
    en: str

    def say(self, language: Language) -> str:
        """The message in `language`."""
        return self.zh if language == "zh" else self.en


class Fault(Exception):
    """The root of all errors that a person is shown: what was tried, on what, and what to do now.

    `str()` gives the English text (for logs); `words.say(language)` the reader's.
    """

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.words = Words(zh, en)


def language_of(env: Mapping[str, str]) -> Language:
    """The reader's language: `XUNKONG_LANG`, else the usual locale variables; English if none says Chinese."""
    for name in ("XUNKONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = env.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def printable(text: str) -> str:
    """`text` without what a terminal would obey: what came from elsewhere says whatever its maker wanted."""
    return "".join(one if one.isprintable() or one == WIDE_SPACE else "\ufffd" for one in text)


def width(text: str) -> int:
    """The columns that `text` takes."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def clipped(text: str, columns: int) -> str:
    """As much of `text` as fits; control characters, which could move the cursor, become dots."""
    taken, out = 0, ""
    for char in text:
        char = char if char.isprintable() else "·"
        taken += _columns(char)
        if taken > columns:
            break
        out += char
    return out
