"""What a check finds: what is not proven and where, or a note of what is missing by a signed word."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct, structs

from wire.words import Language, Words

What = Literal[
    "changed",
    "broken",
    "order",
    "missing",
    "signature",
    "unsigned",
    "head",
    "day",
    "root",
    "beside",
    "photo",
    "certificate",
    "bundle",
    "declared",
    "removed",
    "fork",
    "waiting",
    "outside",
    "carried",
]
WORDS: dict[What, Words] = {
    "changed": Words(
        "内容与链值不符：记录被改动、替换或调换", "its bytes were changed, swapped or replaced"
    ),
    "broken": Words("与前一条记录不相接", "does not follow from the record before it"),
    "order": Words("次序不对", "not in its order"),
    "missing": Words("缺失，且没有签名记录说明", "missing, and no signed record says why"),
    "signature": Words("签名不能证明", "not proven by its signature"),
    "unsigned": Words("没有签名覆盖", "no signature covers it"),
    "head": Words("日志末尾与库中登记不符", "the log does not end where the store says"),
    "day": Words("当日之后被改写", "was written anew after the day was closed"),
    "root": Words("每日根值不成立", "the day's root does not hold"),
    "beside": Words("库中标注与记录本身不符", "what stands beside the record is not what it says"),
    "photo": Words("照片不成立", "the photo is not proven"),
    "certificate": Words("证书不成立", "the certificate does not hold"),
    "bundle": Words("证据包不成立", "the bundle does not hold"),
    "declared": Words("缺失，单元已签名说明", "missing, as its unit declared and signed"),
    "removed": Words("按保留期清理", "removed by the site's policy"),
    "fork": Words("分叉：同一日志有不同内容", "a fork: the same log with other records"),
    "waiting": Words("尚在等待", "waits"),
    "outside": Words("不在包内", "not in the bundle"),
    "carried": Words(
        "由人从存储卡带来，导出时才签名",
        "carried here by hand from the unit's card, and signed then",
    ),
}
NOTES: frozenset[What] = frozenset(("declared", "removed", "fork", "waiting", "outside", "carried"))
"""What is told, and leaves nothing unproven."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing found. `where`: a log (`unit/stream/log`), a photo's hash, a day, a part of a bundle.

    `first`, `last`: the span of records, None where it is of none; `why`: the particulars.
    """

    what: What
    where: str
    why: str = ""
    first: int | None = None
    last: int | None = None

    @property
    def is_note(self) -> bool:
        """Whether nothing is unproven by it."""
        return self.what in NOTES

    def line(self, language: Language) -> str:
        """For people: where, what, why."""
        where = f"{self.where}{self._span()}"
        why = f" ({self.why})" if self.why else ""
        return f"{where}: {WORDS[self.what].say(language)}{why}"

    def _span(self) -> str:
        if self.first is None:
            return ""
        return f"/{self.first}" if self.first == self.last else f"/{self.first}-{self.last}"

    def row(self) -> dict[str, Any]:
        """For machines."""
        kind = "note" if self.is_note else "finding"
        return {"row": kind, **{k: v for k, v in structs.asdict(self).items() if v is not None}}


def joined(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that say the same of spans that touch become one, so that a forged log is one line."""
    held: Finding | None = None
    for one in findings:
        if held is not None and _touch(held, one):
            held = structs.replace(held, last=one.last)
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _touch(one: Finding, other: Finding) -> bool:
    same = (one.what, one.where, one.why) == (other.what, other.where, other.why)
    return same and one.last is not None and other.first == one.last + 1
