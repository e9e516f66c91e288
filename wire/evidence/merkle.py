"""The Merkle tree over the heads of all logs, with the hashing of RFC 6962, section 2.1.

A leaf is SHA-256(0x00 || text), a node SHA-256(0x01 || left || right); `text` is that of `head_text`. The
logs stand in the order of (unit, stream, log), by bytes. That the tree's root is known elsewhere (it is signed and
forwarded like any record) is what keeps the gateway from writing a day anew.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

ALGORITHM = "rfc6962-sha256"
EMPTY = sha256(b"").digest()
"""The root over no logs."""

MAX_PATH = 64
"""Hashes in an inclusion proof: no tree is higher."""


def head_text(unit: str, stream: str, log: str, last: int, h: bytes) -> bytes:
    """What a leaf says: record `last` is the log's newest, and `h` (32 bytes) the chain's value there."""
    return f"xk1|head|{unit}|{stream}|{log}|{last}|{h.hex()}".encode()


def leaf(text: bytes) -> bytes:
    """A leaf's hash."""
    return sha256(b"\0" + text).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over `leaves` (hashes), which are taken one by one: memory grows with the tree's height only."""
    stack: list[tuple[int, bytes]] = []
    for one in leaves:
        height, h = 0, one
        while stack and stack[-1][0] == height:
            h = _node(stack.pop()[1], h)
            height += 1
        stack.append((height, h))
    if not stack:
        return EMPTY
    h = stack.pop()[1]
    while stack:
        h = _node(stack.pop()[1], h)
    return h


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion proof of the leaf at `index`: its neighbours' hashes, from the lowest up."""
    if len(leaves) < 2:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(leaves[:split], index), root(leaves[split:])]
    return [*path(leaves[split:], index - split), root(leaves[:split])]


def root_by(one: bytes, index: int, size: int, neighbours: Sequence[bytes]) -> bytes | None:
    """The root that leaf `one` at `index` of `size` and its proof lead to (RFC 9162, section 2.1.3.2).

    None where that proof has not the form of one for that place.
    """
    if not 0 <= index < size:
        return None
    at, end, h = index, size - 1, one
    for neighbour in neighbours:
        if end == 0:
            return None
        if at & 1 or at == end:
            h = _node(neighbour, h)
            while at and not at & 1:
                at, end = at >> 1, end >> 1
        else:
            h = _node(h, neighbour)
        at, end = at >> 1, end >> 1
    return h if end == 0 else None


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()
