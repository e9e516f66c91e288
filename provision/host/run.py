"""Steps, one after another, a line each; and what is reported of them."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from provision.host.job import AnyWork, Step
from wire.words import Fault, Words


class Line(Struct, frozen=True):
    """How one step ended. `remedy` None: well."""

    number: int
    step: Step[Any]
    result: str
    words: Words
    duration_s: float
    remedy: Words | None = None

    def row(self) -> dict[str, Any]:
        """For machines."""
        row = {"step": self.step.name, "result": self.result, "seconds": round(self.duration_s, 2)}
        row |= {"words": self.words.en, "words_zh": self.words.zh}
        return row | (
            {"remedy": self.remedy.en, "remedy_zh": self.remedy.zh} if self.remedy else {}
        )


def run_steps(
    job: AnyWork,
    begins: Callable[[int, Step[Any]], None],
    ended: Callable[[Line], None],
    steps: Sequence[Step[AnyWork]],
) -> bool:
    """Runs them until one fails; whether none did. What a run leaves is in `job.report`."""
    job.report |= {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dry_run": job.machine.dry,
    }
    lines: list[Line] = []
    for number, step in enumerate(steps, 1):
        begins(number, step)
        lines.append(_run(job, number, step))
        ended(lines[-1])
        if lines[-1].remedy:
            break
    if job.facts:
        job.report["machine"] = msgspec.to_builtins(job.facts)
        job.report["machine"].pop("packages")
    job.report.setdefault("version", job.bundle.manifest.version)
    job.report["steps"] = [line.row() for line in lines]
    job.report["changed"] = [line.step.name for line in lines if line.result == "changed"]
    job.report["done"] = lines[-1].remedy is None
    return bool(job.report["done"])


def _run(job: AnyWork, number: int, step: Step[AnyWork]) -> Line:
    began_s = time.monotonic()
    try:
        ended = step.run(job)
    except Fault as exc:
        taken_s = time.monotonic() - began_s
        return Line(number, step, "failed", exc.words, taken_s, step.remedy)
    result = "changed" if ended.changed else "unchanged"
    return Line(number, step, result, ended.words, time.monotonic() - began_s)
