"""What a self-test found: part, verdict, what was seen, and what to do about it."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from wire.words import Language, Words

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


def line(finding: Finding, language: Language) -> str:
    """For people; what to do in a line of its own."""
    said = (
        f"{finding.part:<16} {SIGNS[finding.verdict].say(language):<8} {finding.what.say(language)}"
    )
    if finding.remedy is None:
        return said
    return f"{said}\n{'':<16} → {finding.remedy.say(language)}"


def row(finding: Finding) -> dict[str, Any]:
    """For machines."""
    remedy = finding.remedy
    return {
        "part": finding.part,
        "verdict": finding.verdict,
        "what": finding.what.en,
        "what_zh": finding.what.zh,
        "remedy": remedy.en if remedy else None,
        "remedy_zh": remedy.zh if remedy else None,
    }


def finding_json(finding: Finding) -> str:
    """The same in one line."""
    return msgspec.json.encode(row(finding)).decode()
