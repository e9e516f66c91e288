"""Provisions many machines, some at a time, each by a process of its own: one that fails holds up no other.

pyinfra's state belongs to a process; and what goes wrong with one machine stays with it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from msgspec import Struct

from provision.fleet.list import Member


class Outcome(Struct, frozen=True):
    """What became of one machine. `report`: as `provision host` gives it, {} where it gave none; `why` None: well."""

    member: Member
    report: dict[str, Any]
    duration_s: float
    why: tuple[str, str] | None = None

    def row(self) -> dict[str, Any]:
        """For machines."""
        row: dict[str, Any] = {"unit": self.member.unit, "host": self.member.host}
        row |= {"done": self.why is None, "changed": self.report.get("changed", [])}
        row["seconds"] = round(self.duration_s, 1)
        if self.why is None:
            return row
        steps = self.report.get("steps") or [{"step": None}]
        return row | {"step": steps[-1]["step"], "why_zh": self.why[0], "why": self.why[1]}


Run = Callable[[Sequence[str], str], "subprocess.CompletedProcess[str]"]


def run_command(words: Sequence[str], stdin: str) -> "subprocess.CompletedProcess[str]":
    """Runs `xunkong provision host …`, which reads password and code from its standard input."""
    command = [sys.executable, "-m", "xunkong", "--lang", "en", "provision", "host", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def run_fleet(
    members: Sequence[Member],
    common: Sequence[str],
    stdin: str,
    parallel: int,
    ended: Callable[[Outcome], None],
    run: Run = run_command,
) -> list[Outcome]:
    """`common`: options for all; a member's own come after them, and count. `stdin`: what each is asked first.

    `ended` is called as each one ends.

    The outcomes come back in the order of `members`.
    """
    found: dict[str, Outcome] = {}
    with ThreadPoolExecutor(parallel, "provision") as pool:
        began = [pool.submit(_one, member, common, stdin, run) for member in members]
        for future in as_completed(began):
            outcome = future.result()
            found[outcome.member.unit] = outcome
            ended(outcome)
    return [found[member.unit] for member in members]


def _one(member: Member, common: Sequence[str], stdin: str, run: Run) -> Outcome:
    began_s = time.monotonic()
    secrets = stdin + (f"{member.code}\n" if member.code else "")
    ended = run([*common, *member.words(), "--json"], secrets)
    taken_s = time.monotonic() - began_s
    report = _report(ended.stdout)
    if ended.returncode == 0:
        return Outcome(member, report, taken_s)
    steps = report.get("steps")
    if steps:
        why = (steps[-1]["words_zh"], steps[-1]["words"])
    else:
        said = (ended.stderr.strip().splitlines() or ["?"])[-1].removeprefix("xunkong: ")
        why = (said, said)
    return Outcome(member, report, taken_s, why)


def _report(said: str) -> dict[str, Any]:
    """The last line; {} where the command was over before its first step."""
    lines = said.splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "unit" in found else {}
