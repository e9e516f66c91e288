"""Runs a program of the laptop's own; what it says when it fails is passed on."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from wire.words import Fault, Words

LINES = 5


def run(
    words: Sequence[str],
    remedy: Words,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Its output. Raises `Fault`, with the last lines of what it said and what to do, when it fails or is missing."""
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as exc:
        said = f"{words[0]}: {exc.strerror}"
        raise _fault(words, said, remedy) from exc
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-LINES:])
        raise _fault(words, said, remedy)
    return done.stdout


def _fault(words: Sequence[str], said: str, remedy: Words) -> Fault:
    what = Path(words[0]).name
    return Fault(f"{what} 失败：{said}\n{remedy.zh}", f"{what} failed: {said}\n{remedy.en}")
