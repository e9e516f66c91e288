"""Runs a program of the system's own, without our environment, and without anybody to ask."""

import re
import subprocess
from collections.abc import Sequence

ERRORS = re.compile(r"^(?:dpkg: .*\n .*|E: .*)$", re.MULTILINE)
"""What dpkg and apt say of what went wrong, wherever they say it."""


class Failed(Exception):
    """A program that ended badly: what, and why by its own words."""


def run(words: Sequence[str]) -> str:
    """What a program said. Raises `Failed`."""
    env = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "UCF_FORCE_CONFFOLD": "1",
    }
    try:
        done = subprocess.run(
            words, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as exc:
        raise Failed(f"{words[0]}: {exc.strerror}") from exc
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if done.returncode:
        found = ERRORS.findall(f"{out}\n{err}") or (err.strip() or out.strip()).splitlines()[-1:]
        why = "; ".join(" ".join(one.split()) for one in found)
        raise Failed(f"{words[0]} ended with {done.returncode}: {why or 'no word'}")
    return out
