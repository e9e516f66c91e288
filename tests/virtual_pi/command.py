"""A command of the rig's, as root: what it printed, or an error that says what was tried and what came of it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = ("debootstrap", "systemd-nspawn", "ip", "ssh", "scp", "ssh-keygen", "unshare", "mount")
MOST_S = 900.0


class Failed(Exception):
    """A command ended with another code than 0; `code` is that code, `said` what it wrote."""

    def __init__(self, command: str, code: int, said: str) -> None:
        super().__init__(f"{command} ended with {code}:\n{said.strip()[-4000:]}")
        self.code, self.said = code, said


def run(*command: str | Path, most_s: float = MOST_S) -> str:
    """Its standard output. Raises Failed, subprocess.TimeoutExpired."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=most_s, check=False
    )
    if done.returncode:
        raise Failed(" ".join(words), done.returncode, done.stdout + done.stderr)
    return done.stdout


def tries(*command: str | Path) -> bool:
    """Whether it went well; for what may be gone already."""
    try:
        run(*command)
    except Failed:
        return False
    return True


def missing(programs: Sequence[str] = PROGRAMS) -> str | None:
    """What this machine lacks for a virtual Pi; None if nothing."""
    if os.geteuid() != 0:
        return "a virtual Pi is made and booted by root only"
    lacks = [program for program in programs if shutil.which(program) is None]
    if lacks:
        packages = "debootstrap systemd-container iproute2 openssh-client"
        return f"there is no {', '.join(lacks)}: apt install {packages}"
    return None
