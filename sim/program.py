"""One of our own commands as a process of its own, with its output in a file; it ends with its owner's thread."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sim.leash import leashed

END_S = 15.0


class Program:
    """`xunkong …`: started, killed, ended, started again; all output goes to `log`.

    `before` goes before the command, such as `nsenter …`; it must become the command, as exec does.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        folder: Path | None = None,
        before: Sequence[str] = (),
        module: str = "xunkong",
    ) -> None:
        self._command = [*before, sys.executable, "-m", module, *arguments]
        self._log, self._folder = log, folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "Program":
        """Starts it, if it does not run."""
        if not self.running:
            with self._log.open("a", encoding="utf-8") as log:
                self._process = subprocess.Popen(
                    leashed(self._command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=self._folder,
                )
        return self

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def started(self) -> bool:
        """Whether there is a process, be it one that has ended by itself."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process's number. Raises RuntimeError before `start`."""
        return self._started().pid

    def first_line(self) -> str:
        """The first line of its output; waits for it. Raises RuntimeError if it ended without one."""
        stream: IO[str] | None = self._started().stdout
        line = stream.readline().strip() if stream else ""
        if not line:
            raise RuntimeError(f"{' '.join(self._command)} said nothing; see {self._log}")
        return line

    def ask(self, line: str) -> str:
        """Puts a line into its input, and waits for one of its output."""
        stream = self._started().stdin
        if stream:
            stream.write(line + "\n")
            stream.flush()
        return self.first_line()

    def kill(self) -> None:
        """SIGKILL, as a power cut of this process alone."""
        if self._process:
            self._process.kill()
            self._close(self._process)

    def stop(self) -> int:
        """SIGTERM, and waits; returns the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._close(self._process)

    def wait(self) -> int:
        """Until it has ended by itself; returns the exit code."""
        return self._close(self._started())

    def _close(self, process: "subprocess.Popen[str]") -> int:
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()
        self._process = None
        return code

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise RuntimeError(f"{' '.join(self._command)} was not started")
        return self._process
