"""`xunkong gateway run`: the gateway's processes for a small site, each started again when it ends."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from gateway.forward.backoff import Backoff

WORKERS = ("ingest", "forward")
CHORES = {"retain": 86_400.0}
"""What is done every so many seconds, the first time a while after the start."""

FIRST_CHORE_S = 600.0
STEADY_S = 30.0
END_S = 10.0
PARENT = "XUNKONG_SUPERVISOR"
"""Names the supervisor's process to those that it starts."""

PR_SET_PDEATHSIG = 1

log = logging.getLogger("xunkong.gateway")


def end_with_parent(environ: Mapping[str, str] = os.environ) -> None:
    """In a process that a supervisor started: ends it when that ends, however it does (prctl(2))."""
    parent = environ.get(PARENT)
    if parent is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor:
    """Keeps one process of each kind running on the configuration at `path`."""

    def __init__(self, path: Path, workers: tuple[str, ...] = WORKERS) -> None:
        self._path = path
        self._children = [_Child(name, path) for name in workers]
        self._children += [_Chore(name, path, every_s) for name, every_s in CHORES.items()]

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then ends them all."""
        try:
            while not stop.is_set():
                for child in self._children:
                    child.look_after(time.monotonic())
                stop.wait(0.1)
        finally:
            for child in self._children:
                child.ask_to_end()
            for child in self._children:
                child.end()


class _Child:
    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._command = [sys.executable, "-m", "xunkong", "gateway", name, "--config", str(path)]
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff(0.2, 30.0)
        self._started_s = self._start_at_s = 0.0

    def look_after(self, now_s: float) -> None:
        if self._process and self._process.poll() is not None:
            wait_s = self._pause_s(now_s, self._process.returncode)
            self._process, self._start_at_s = None, now_s + wait_s
        if self._process is None and now_s >= self._start_at_s:
            self._started_s = now_s
            environ = {**os.environ, PARENT: str(os.getpid())}
            self._process = subprocess.Popen(self._command, env=environ)

    def _pause_s(self, now_s: float, code: int) -> float:
        if now_s - self._started_s > STEADY_S:
            self._backoff.reset()
        wait_s = self._backoff.wait_s()
        log.error("%s ended (%s); started again in %.1f s", self._name, code, wait_s)
        return wait_s

    def ask_to_end(self) -> None:
        if self._process:
            self._process.terminate()

    def end(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Chore(_Child):
    """A process that comes to its end, and is due again `every_s` later, however it ended."""

    def __init__(self, name: str, path: Path, every_s: float) -> None:
        super().__init__(name, path)
        self._every_s = every_s
        self._start_at_s = time.monotonic() + FIRST_CHORE_S

    def _pause_s(self, now_s: float, code: int) -> float:
        del now_s
        if code:
            log.error("%s ended (%s); done again in %.0f s", self._name, code, self._every_s)
        return self._every_s
