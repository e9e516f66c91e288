"""TOML files into frozen types; what is wrong stops the start, naming file, section, key and limit."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from wire.words import Fault

T = TypeVar("T")

_WHERE = re.compile(r" - at `(?:key` in `)?\$\.?(.*)`$")


def read_toml(path: Path, kind: type[T]) -> T:
    """The `kind` in the file at `path`.

    Raises `Fault` for a file that is missing, unreadable, no TOML, or not of the kind: an unknown
    key, a wrong type and a value out of range each name section and key and the limit.
    """
    return convert(_table(path), kind, str(path))


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except PermissionError as exc:
        raise Fault(
            f"无权读取 {path}；请在命令前加 sudo",
            f"may not read {path}; put sudo before the command",
        ) from exc
    except OSError as exc:
        raise Fault(
            f"无法读取 {path}：{exc.strerror}；请检查路径和权限",
            f"cannot read {path}: {exc.strerror}; check the path and its permissions",
        ) from exc
    except UnicodeDecodeError as exc:
        raise Fault(
            f"{path} 不是 UTF-8 文本（第 {exc.start} 字节）；请用 UTF-8 保存",
            f"{path} is not UTF-8 text (byte {exc.start}); save it as UTF-8",
        ) from exc
    except (ValueError, RecursionError) as exc:  # too long a number, too deep a list
        raise Fault(
            f"{path} 不是有效的 TOML：{exc}；请改正这一行",
            f"{path} is not valid TOML: {exc}; mend that line",
        ) from exc


def convert(table: object, kind: type[T], where: str) -> T:
    """`table` as a `kind`; `where` names its origin in the `Fault` that is raised otherwise."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as exc:
        what = str(exc)
        place = _section(what)
        plain = _WHERE.sub("", what)
        value = _value(table, what)
        shown = f" ({value!r:.80})" if value is not None else ""
        raise Fault(
            f"{where}：{place}{shown} 有误：{plain}；请按此改正后再启动",
            f"{where}: {place}{shown}: {plain}; mend it and start again",
        ) from exc


def _section(what: str) -> str:
    match = _WHERE.search(what)
    if match is None:
        return "[top]"
    section, _, key = match[1].replace("[...]", "").rpartition(".")
    if not section:
        return f"[{key}]"
    return f"[{section}] {key}"


def _value(table: object, what: str) -> object:
    match = _WHERE.search(what)
    found: object = table
    for step in re.findall(r"[^.\[\]]+", match[1]) if match else []:
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return None if isinstance(found, dict | list) else found
