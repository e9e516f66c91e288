"""Daily roots as somebody else kept them: what a command platform received, to hold a gateway against."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wire.words import Fault

WRAPS = ("event", "data", "record")
"""Where the record lies: a platform's note of an event, the event's data, a row of `gateway records --json`."""


def read_roots(path: Path) -> dict[str, str]:
    """The roots by their day, from JSON lines: records, or what has one inside (`WRAPS`).

    Raises `Fault`, also where there is no root among them.
    """
    found = {}
    try:
        for text in path.read_text("utf-8").splitlines():
            for record in _unwrapped(json.loads(text) if text.strip() else {}):
                if record.get("kind") == "root":
                    found[str(record["date"])] = str(record["root"])
    except (OSError, ValueError, AttributeError, KeyError, RecursionError) as exc:
        raise Fault(
            f"{path} 不是 root 记录（每行一个 JSON）：{exc}",
            f"{path} does not hold root records as JSON lines: {exc}",
        ) from exc
    if not found:
        raise Fault(
            f"{path} 中没有 root 记录，无从比对；请给出平台收到的事件（每行一个 JSON）",
            f"no root record is in {path}, so there is nothing to compare with; give the events that the "
            "platform received, as JSON lines",
        )
    return found


def _unwrapped(one: Any) -> Iterator[dict[str, Any]]:
    for _ in range(len(WRAPS) + 1):
        yield one
        one = next((one[name] for name in WRAPS if isinstance(one.get(name), dict)), {})
