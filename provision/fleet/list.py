"""A fleet's list: CSV with a heading, a line for each unit; what a line leaves empty is as the command says for all."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from provision.ask import ASKED
from provision.host.command import split_port
from provision.network.options import NAMES, SECRET
from wire import topics
from wire.words import Fault, Words

NEEDED = ("host", "unit", "role")
OWN = ("zone", "bundle", "parts", "user", *NAMES)
"""Columns that go to `provision host` as options of the same name."""

LOOSE = ("code", "host_key")
ROLES = ("vehicle", "checkpoint")


class Member(Struct, frozen=True):
    """One line. `options`: what is its own, by the option's name. `code`: its one-time code, which is told unseen.

    `host_key`: the fingerprint (`SHA256:…`) that is trusted at first contact; None: who sits there is asked.
    """

    host: str
    unit: str
    role: str
    options: tuple[tuple[str, str], ...] = ()
    code: str | None = None
    host_key: str | None = None

    def words(self) -> list[str]:
        """As `provision host` takes them."""
        words = [self.host, "--unit", self.unit, "--role", self.role]
        words += ["--code", "-"] if self.code else []
        return words + [
            word for name, value in self.options for word in (f"--{name.replace('_', '-')}", value)
        ]


def read_fleet(path: Path) -> list[Member]:
    """Raises `Fault`, naming line and column, for what is no list, or names a unit or a host twice."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            members = list(_members(path, csv.reader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise Fault(f"无法读取 {path}：{exc}", f"cannot read {path}: {exc}") from exc
    if not members:
        raise Fault(f"{path} 中没有单元", f"{path} names no unit")
    for what, names in (("unit", [m.unit for m in members]), ("host", [m.host for m in members])):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise Fault(
                f"{path}：{what} {twice[0]} 出现两次",
                f"{path}: {what} {twice[0]} stands there twice",
            )
    return members


def _members(path: Path, rows: Iterator[list[str]]) -> Iterator[Member]:
    heading = [name.strip().lower() for name in next(rows, [])]
    missing = [name for name in NEEDED if name not in heading]
    odd = [name for name in heading if name not in (*NEEDED, *OWN, *LOOSE)]
    if missing or odd:
        wrong = (missing or odd)[0]
        raise Fault(
            f"{path} 第 1 行：列 {wrong!r} {'缺少' if missing else '不认识'}；应有 {','.join(NEEDED)}，"
            f"可有 {','.join((*OWN, *LOOSE))}",
            f"{path} line 1: column {wrong!r} is {'missing' if missing else 'not known'}; there must be "
            f"{','.join(NEEDED)}, there may be {','.join((*OWN, *LOOSE))}",
        )
    for number, row in enumerate(rows, 2):
        if any(cell.strip() for cell in row):
            yield _member(f"{path} ", number, heading, row)


def _member(path: str, number: int, heading: Sequence[str], row: Sequence[str]) -> Member:
    if len(row) > len(heading):
        raise _wrong(path, number, "columns", str(len(row)))
    found = dict(zip(heading, (cell.strip() for cell in row), strict=False))
    if not topics.is_unit(found["unit"]):
        raise _wrong(path, number, "unit", found["unit"])
    if found.get("role") not in ROLES:
        raise _wrong(path, number, "role", str(found.get("role")))
    try:
        split_port(found["host"], 22)
    except Fault as exc:
        raise _wrong(path, number, "host", found["host"]) from exc
    for name in SECRET:
        if found.get(name) == ASKED:
            raise _wrong(path, number, name, ASKED)
    options = tuple((name, found[name]) for name in OWN if found.get(name))
    loose = {name: found.get(name) or None for name in LOOSE}
    return Member(found["host"], found["unit"], found["role"], options, **loose)


SHOULD = {
    "unit": Words("应为 1–32 个 a-z、0-9 或 -", "give 1 to 32 of a-z, 0-9 and -"),
    "role": Words(f"应为 {' 或 '.join(ROLES)}", f"give {' or '.join(ROLES)}"),
    "host": Words("应为 HOST 或 HOST:PORT", "give HOST or HOST:PORT"),
    "columns": Words("列数多于标题行", "there are more than in the heading"),
}
"""What a column takes; others are files with a secret."""


def _wrong(path: str, number: int, column: str, value: str) -> Fault:
    should = SHOULD.get(column, Words("应为文件名", "name a file"))
    return Fault(
        f"{path}第 {number} 行：{column} {value!r} 有误：{should.zh}",
        f"{path}line {number}: {column} {value!r} is wrong: {should.en}",
    )
