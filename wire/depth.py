"""How deep a JSON text nests, told without parsing it, so that no parser is led down a hostile one."""

import re

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, also one that never ends. Possessive, so that nothing is looked at twice."""

_BRACKETS = b"[{]}"
_REST = bytes(set(range(256)) - set(_BRACKETS))


def deeper_than(raw: bytes, limit: int) -> bool:
    """True if objects and arrays in `raw` nest more than `limit` deep. Linear; never raises."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", raw).translate(None, _REST):
        if bracket in b"[{":
            depth += 1
            if depth > limit:
                return True
        else:
            depth -= 1
    return False
