"""What a self-test found: part, verdict, what was seen, and what to do about it."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from wire.words import Words

Verdict = Literal["ok", "warning", "fault", "untried"]

SIGNS: dict[Verdict, Words] = {
    "ok": Words("正常", "ok"),
    "warning": Words("注意", "WARNING"),
    "fault": Words("故障", "FAULT"),
    "untried": Words("未测", "untried"),
}


class Finding(Struct, frozen=True):
    """`what`: what was seen; `remedy`: what to do now, None where nothing needs to be done."""

    part: str
    verdict: Verdict
    what: Words
    remedy: Words | None = None


def fit(findings: Iterable[Finding]) -> bool:
    """Whether the unit may go on duty: nothing is at fault."""
    return all(finding.verdict != "fault" for finding in findings)
