"""Somebody who looks at the screen of `xunkong sim unit` and presses keys, through a pseudo-terminal."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

COMMAND = [sys.executable, "-m", "xunkong", "--lang", "en", "sim", "unit"]
WAIT_S = 150
"""What bounds a failure, also on a busy machine; nothing waits for it to pass."""


class Person:
    """Somebody who looks at the screen and presses keys."""

    def __init__(self, *words: str) -> None:
        self._fd, self._far = os.openpty()
        fcntl.ioctl(self._far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._far)
        self.seen = self.pressed = ""
        self._since = 0
        far = self._far
        self.process = subprocess.Popen([*COMMAND, *words], stdin=far, stdout=far, stderr=far)

    def press(self, key: str) -> None:
        self.pressed += key
        self._since = len(self.seen)
        os.write(self._fd, key.encode())

    def sees(self, *words: str) -> None:
        """Waits until all of `words` stand on one screen."""
        self.waits(lambda: all(word in self.screen for word in words), f"{words} on the screen")

    def saw(self, *words: str) -> None:
        """Waits until each of `words` has been on a screen since the last key."""

        def there() -> bool:
            return all(word in self.seen[self._since :] for word in words)

        self.waits(there, f"{words} since {self.pressed[-1]}")

    @property
    def screen(self) -> str:
        """What is shown, as it was drawn last."""
        return self.seen.rpartition("\x1b[H")[2]

    def waits(self, what: Callable[[], bool], named: str) -> None:
        """Waits until `what` holds, and looks at the screen meanwhile."""
        until_s = time.monotonic() + WAIT_S
        while not what():
            assert time.monotonic() < until_s, f"never came: {named}; the screen: {self.screen}"
            self._read(0.2)

    def ends(self) -> int:
        until_s = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < until_s:
            self._read(0.1)
        self._read(0.1)
        return self.process.wait(1)

    def restored(self) -> bool:
        same = termios.tcgetattr(self._far) == self.before
        return same and self.seen.endswith("\x1b[?25h\x1b[?1049l")

    def close(self) -> None:
        """Ends it in good order, since what it started ends with it; whatever it draws meanwhile is read."""
        self.process.terminate()
        try:
            self.ends()
        finally:
            self.process.kill()
            self.process.wait()
        os.close(self._fd)
        os.close(self._far)

    def _read(self, for_s: float) -> None:
        if select.select([self._fd], [], [], for_s)[0]:
            self.seen += os.read(self._fd, 65536).decode("utf-8", "replace")
