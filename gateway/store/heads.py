"""How far each log is known: the contiguous, hash-joined prefix, and how a batch joins it."""

from typing import Literal

from msgspec import Struct

from wire.batch import Batch
from wire.chain import START

Key = tuple[str, str, str]
"""Unit, stream, log."""


def trunk(key: Key) -> Key:
    """The log that `key` is a branch of, or is: units name logs without their branches."""
    return (key[0], key[1], key[2].partition("~")[0])


class Head(Struct, frozen=True):
    """All below `next` is there; `h` is the chain's value at `next - 1`."""

    next: int
    h: bytes


EMPTY = Head(1, START)


class Gap(Struct, frozen=True):
    """Records `first` to `last` will never come; `h_last` joins what follows, None if unknown."""

    first: int
    last: int
    h_last: bytes | None


class Joined(Struct, frozen=True):
    """How a batch meets a head: take records from index `start`, after jumping if `jumped`."""

    how: Literal["new", "known", "island", "foreign"]
    start: int = 0
    jumped: bool = False


def join(head: Head, batch: Batch, gap: Gap | None) -> Joined:
    """How `batch` meets `head`. `known`: it lies before it, and its bytes are still to be compared."""
    if batch.first == head.next:
        return Joined("new") if batch.prev == head.h else Joined("foreign")
    if batch.first > head.next:
        if gap and gap.first <= head.next and batch.first <= gap.last + 1:
            fits = gap.h_last is None or batch.first <= gap.last or gap.h_last == batch.prev
            return Joined("new", jumped=True) if fits else Joined("foreign")
        return Joined("island")
    if batch.last < head.next:
        return Joined("known")
    start = head.next - batch.first
    return Joined("new", start) if batch.hs[start - 1] == head.h else Joined("known")
