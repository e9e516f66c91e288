"""The terminal: single keys, an alternate screen, and everything put back whatever ends the program."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@contextmanager
def single_keys(fd: int) -> Iterator[None]:
    """Keys come one by one and unechoed while this lasts; does nothing where `fd` is no terminal."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def alternate_screen() -> Iterator[None]:
    """What was on the terminal comes back at the end."""
    try:
        _write(ENTER)
        yield
    finally:
        _write(LEAVE)


class Keyboard:
    """Keys from `fd`. `ended`: no more will come."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.ended = False
        self._waiting = ""

    def wait(self, for_s: float) -> None:
        """Waits for a key, at most so long."""
        if self._waiting or self.ended:
            select.select([], [], [], for_s)
            return
        if select.select([self._fd], [], [], for_s)[0]:
            data = os.read(self._fd, 256)
            self.ended = not data
            self._waiting = "".join(data.decode("utf-8", "replace").split())

    def next(self) -> str | None:
        """A key that was pressed and not given yet; None for none."""
        key, self._waiting = self._waiting[:1], self._waiting[1:]
        return key or None


class Painter:
    """Draws a screen in one write, and only if it is another: nothing flickers."""

    def __init__(self) -> None:
        self._shown: Sequence[str] = ()

    def paint(self, lines: Sequence[str]) -> None:
        """Draws `lines` from the top, and clears what is below."""
        if lines != self._shown:
            _write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[J")
            self._shown = lines


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
