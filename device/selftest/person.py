"""The person at the box: asked to do something, and shown how long there is for it."""

import sys

from wire.words import Language, Words

WIDTH = 30


class Person:
    """Speaks on stderr, so that stdout is the report's alone. `there` False: nobody can be asked."""

    def __init__(self, language: Language, there: bool) -> None:
        self._language, self.there = language, there
        self._bar = sys.stderr.isatty()

    def ask(self, words: Words) -> None:
        """Says what to do now."""
        print(f"→ {words.say(self._language)}", file=sys.stderr, flush=True)

    def waiting(self, left_s: float, of_s: float) -> None:
        """Shows how much of the time is left, where that can be redrawn."""
        if not self._bar or of_s <= 2:
            return
        done = round(WIDTH * (1 - left_s / of_s))
        bar = "#" * done + "." * (WIDTH - done)
        print(f"\r[{bar}] {left_s:4.0f} s ", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clears the bar."""
        if self._bar:
            print("\r" + " " * (WIDTH + 12) + "\r", end="", file=sys.stderr, flush=True)
