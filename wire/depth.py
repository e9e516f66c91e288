"""How deep a JSON text nests, told without parsing it, so that no parser is led down a hostile one."""

import re

_MARKS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A string (also one that never ends), or a bracket. Possessive, so that nothing is looked at twice."""


def deeper_than(raw: bytes, limit: int) -> bool:
    """True if objects and arrays in `raw` nest more than `limit` deep. Linear; never raises."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for mark in _MARKS.finditer(raw):
        first = raw[mark.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False
