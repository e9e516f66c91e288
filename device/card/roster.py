"""The badge of a personalised card in a roster file, the one that `gateway config push` takes."""

import json
import os
from pathlib import Path
from typing import Any

from msgspec import Struct

from wire.cards.ring import Card
from wire.toml import read_toml
from wire.words import Fault

MOST_PERSON = 64
"""Characters, as `wire.limits.Name` bounds a person."""


class Badge(Struct, frozen=True):
    """Who carries the card."""

    uid: str
    person: str
    card: Card = "ntag424"

    def text(self) -> str:
        """As it stands in the file."""
        person = json.dumps(self.person, ensure_ascii=False)
        return f'[[badge]]\nuid = "{self.uid}"\nperson = {person}\ncard = "{self.card}"\n'


class _Roster(Struct, frozen=True):
    """What concerns us of the file."""

    badge: list[dict[str, Any]] = []
    duty: list[dict[str, Any]] = []


def checked_person(person: str) -> str:
    """Raises `Fault` for a name that a roster cannot hold."""
    if not person.strip() or len(person) > MOST_PERSON or not person.isprintable():
        raise Fault(
            f"--person 须为 1–{MOST_PERSON} 个可见字符，不能是 {person!r:.80}",
            f"--person takes 1 to {MOST_PERSON} printable characters, not {person!r:.80}",
        )
    return person


def is_in(path: Path, badge: Badge) -> bool:
    """Whether the roster already says just this. Raises `Fault` where it says something else of the card."""
    if not path.exists():
        return False
    roster = read_toml(path, _Roster)
    said = [entry for entry in roster.badge + roster.duty if entry.get("uid") == badge.uid]
    same = [
        entry.get("person") == badge.person and entry.get("card") == badge.card for entry in said
    ]
    if not all(same):
        raise Fault(
            f"{path} 已有卡 {badge.uid}，内容不同；请先改正该项",
            f"{path} already has card {badge.uid}, and says something else of it; mend that first",
        )
    return bool(said)


def append(path: Path, badge: Badge) -> None:
    """Adds the badge at the end of the file, which is made where it is not. Raises `Fault`."""
    try:
        with path.open("a+", encoding="utf-8") as file:
            file.seek(0)
            before = file.read()
            file.write(_gap(before) + badge.text())
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise Fault(
            f"无法写入 {path}：{exc.strerror}；卡已写好，请修复后再运行同一命令",
            f"cannot write {path}: {exc.strerror}; the card is done, so mend that and run this again",
        ) from exc


def _gap(before: str) -> str:
    if not before:
        return ""
    return "\n" if before.endswith("\n") else "\n\n"
