"""Daily roots as somebody else kept them: what a command platform received, to hold a gateway against."""

import json
from pathlib import Path

from wire.words import Fault


def read_roots(path: Path) -> dict[str, str]:
    """The roots by their day, from JSON lines: records, or events with a record as `data`. Raises `Fault`."""
    found = {}
    try:
        for text in path.read_text("utf-8").splitlines():
            one = json.loads(text)
            record = one.get("data", one)
            if record.get("kind") == "root":
                found[str(record["date"])] = str(record["root"])
    except (OSError, ValueError, AttributeError, KeyError) as exc:
        raise Fault(
            f"{path} 不是 root 记录（每行一个 JSON）：{exc}",
            f"{path} does not hold root records as JSON lines: {exc}",
        ) from exc
    return found
