"""A person at the keyboard, through a pseudo-terminal; a script, through a pipe; and what may not be asked."""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "xunkong", "--lang", "en", "sim", "unit"]
WAIT_S = 60


class Person:
    """Somebody who looks at the screen and presses keys."""

    def __init__(self, *words: str) -> None:
        self._fd, self._far = os.openpty()
        fcntl.ioctl(self._far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._far)
        self.seen = ""
        far = self._far
        self.process = subprocess.Popen([*COMMAND, *words], stdin=far, stdout=far, stderr=far)

    def press(self, key: str) -> None:
        os.write(self._fd, key.encode())

    def sees(self, *words: str) -> None:
        """Waits until all of `words` stand on one screen."""
        until_s = time.monotonic() + WAIT_S
        while not all(word in self.seen.rpartition("\x1b[H")[2] for word in words):
            assert time.monotonic() < until_s, f"never saw {words} in {self.seen[-3000:]}"
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
        self.process.kill()
        self.process.wait()
        os.close(self._fd)
        os.close(self._far)

    def _read(self, for_s: float) -> None:
        if select.select([self._fd], [], [], for_s)[0]:
            self.seen += os.read(self._fd, 65536).decode("utf-8", "replace")


@pytest.fixture
def person() -> Iterator[Person]:
    one = Person("--role", "checkpoint")
    yield one
    one.close()


def test_a_shift_at_the_keyboard(person: Person) -> None:
    person.sees("running", "config 1 applied")
    person.press("1")
    person.sees("signal: accepted", "checkin 04a1b2c3")
    person.sees("queue: event 0", "gateway: ")
    person.press("s")
    person.sees("alarm sos", "alarms: sos")
    person.sees("signal: sos_heard")
    person.press("l")
    person.sees("link CUT")
    person.press("2")
    person.sees("signal: stored_offline", "checkin 04a1b2c4")
    person.press("q")
    assert person.ends() == 0
    assert person.restored()


def test_told_to_end_it_puts_the_terminal_back(person: Person) -> None:
    person.sees("running")
    person.process.send_signal(signal.SIGTERM)
    assert person.ends() == 0
    assert person.restored()


def test_a_script_drives_it_and_reads_json(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ["--role", "checkpoint", "--json", "--folder", str(folder)]
    said = subprocess.run(
        [*COMMAND, *words],
        input="1.3..\nq",
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    told = [json.loads(line) for line in said.stdout.splitlines()]
    assert [one["key"] for one in told if one["what"] == "key"] == [*"1.3..q"]
    assert [one["name"] for one in told if one["what"] == "signal"][:2] == ["accepted", "unknown"]
    results = [
        one["record"]["result"]
        for one in told
        if one["what"] == "record" and one["record"]["kind"] == "checkin"
    ]
    assert results == ["accepted", "unknown"]
    assert "checkin" in {one.get("kind") for one in told if one["what"] == "gateway"}
    assert (folder / "cp-sim" / "journal.db").exists()


@pytest.mark.parametrize("broker", ["here", "here:0", ":1883", "here:70000"])
def test_a_broker_that_is_none(broker: str) -> None:
    said = subprocess.run(
        [*COMMAND, "--broker", broker], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert said.returncode == 2
    assert said.stderr.startswith(f"xunkong: --broker {broker}: give HOST:PORT")


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    said = subprocess.run(
        [*COMMAND, "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert said.returncode == 2
    assert "is not empty" in said.stderr
