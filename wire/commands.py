"""One way to declare a command: its help in the reader's language, an example, and what it runs."""

import argparse
from collections.abc import Callable
from typing import Any

from wire.words import Language, Words

Run = Callable[[argparse.Namespace], int]
"""Runs a command; returns the exit code: 0 done, 1 done and something was found wrong."""


class Commands:
    """The sub-commands of one command, with their help in `language`."""

    def __init__(
        self, parser: argparse.ArgumentParser, language: Language, required: bool = True
    ) -> None:
        self.language = language
        self._parsers: Any = parser.add_subparsers(metavar="COMMAND", required=required)

    def group(self, name: str, words: Words) -> "Commands":
        """A command that only has sub-commands."""
        return Commands(self._add(name, words), self.language)

    def add(self, name: str, words: Words, example: str, run: Run) -> argparse.ArgumentParser:
        """A command that does something; `example` is a whole line to be typed."""
        title = Words("示例", "example").say(self.language)
        parser = self._add(name, words, epilog=f"{title}:\n  {example}")
        parser.set_defaults(run=run)
        return parser

    def _add(self, name: str, words: Words, epilog: str | None = None) -> argparse.ArgumentParser:
        said = words.say(self.language)
        parser: argparse.ArgumentParser = self._parsers.add_parser(
            name,
            help=said,
            description=said,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        return parser

    def say(self, zh: str, en: str) -> str:
        """A help text in the reader's language."""
        return Words(zh, en).say(self.language)
