"""The camera's process as the unit has it: started, asked within a time, killed when it does not answer."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from hardware.camera.pipe import Ask, Assembler, BadMessage, Said, encode
from hardware.errors import PartSilent

END_S = 1.0
READ_BYTES = 1 << 18
QUIET = {"LIBCAMERA_LOG_LEVELS": "*:ERROR"}
"""libcamera tells of every configuration otherwise; a log must not fill the card."""


class Stopped(Exception):
    """The caller was told to end while it waited."""


def command(kind: str, settings: str, control: str = "") -> list[str]:
    """What starts the process; `settings` as JSON (`StillSettings`)."""
    words = [kind, settings, str(os.getpid()), control]
    return [sys.executable, "-m", "hardware.camera.child", *words]


class CameraProcess:
    """One process, from its start to its end. One thread owns it: the process dies with that thread.

    `stop_fd` becomes readable when the wait for an answer is to end. The process is made by fork and
    exec at once, and inherits no descriptor: pins that are open stay the unit's alone.
    """

    def __init__(
        self, words: Sequence[str], stop_fd: int, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._stop_fd = stop_fd
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**QUIET, **environ}
            )
        except OSError as exc:
            raise PartSilent(f"the camera's process cannot be started ({exc})") from exc
        self._assembler = Assembler(Said)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, ask: Ask, within_s: float) -> tuple[Said, bytes]:
        """The answer and its picture. Raises `PartSilent`: no answer in time, or the process is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(ask))
            self._process.stdin.flush()
        except OSError as exc:
            raise PartSilent(f"the camera's process is gone ({exc}); a new one is started") from exc
        return self.answer(within_s)

    def answer(self, within_s: float) -> tuple[Said, bytes]:
        """What it says next: after its start, how that went. Raises as `ask` does, and `Stopped`."""
        until_s = time.monotonic() + within_s
        while True:
            try:
                found = self._assembler.feed(self._read(until_s, within_s))
            except BadMessage as exc:
                raise PartSilent(f"the camera's process sends nonsense ({exc})") from exc
            for said, picture in found:
                if isinstance(said, Said):
                    return said, picture

    def _read(self, until_s: float, within_s: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        left_s = max(0.0, until_s - time.monotonic())
        ready, _, _ = select.select([pipe, self._stop_fd], [], [], left_s)
        if self._stop_fd in ready:
            raise Stopped
        if not ready:
            raise PartSilent(f"the camera's process did not answer within {within_s:g} s; killed")
        data = os.read(pipe, READ_BYTES)
        if not data:
            raise PartSilent(f"the camera's process ended ({self._process.wait()})")
        return data

    def end(self) -> None:
        """Lets it end by itself for a moment, as a camera that works can."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(END_S)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
        self.kill()

    def kill(self) -> None:
        """Ends it, whatever it hangs in."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe:
                    pipe.close()
            except BrokenPipeError:
                continue
