"""Which branch of a log a batch belongs to. A card that was copied, or set back, makes two logs under one name."""

from collections.abc import Callable, Sequence

from gateway.ingest.bounds import BRANCHES, REMEMBERED
from gateway.store.book import Book
from gateway.store.heads import EMPTY, Head, Joined, Key, join
from wire.batch import Batch


class Branches:
    """Of all logs. `alarm` is called with a unit and what is wrong when a branch begins."""

    def __init__(self, book: Book, alarm: Callable[[str, str], None]) -> None:
        self._book, self._alarm = book, alarm
        self._oldest: dict[Key, int] = {}

    def remember(self, key: Key, oldest: int) -> None:
        """By the unit's own word: it has no record of `key` before `oldest` any more."""
        if len(self._oldest) >= REMEMBERED:
            self._oldest.clear()
        self._oldest[key] = oldest

    def all(self, key: Key) -> Sequence[Key]:
        """The log itself, and its branches, the oldest first."""
        return (key, *self._book.forks(key))

    def meet(self, key: Key, batch: Batch) -> Joined:
        """How `batch` meets that branch."""
        head = self._book.head(key)
        gap = self._book.gap_at(key, head.next) if batch.first > head.next else None
        return join(head, batch, gap)

    def of(self, key: Key, batch: Batch) -> Key | None:
        """The log itself, or the branch of it that `batch` belongs to; None: that cannot be told yet.

        What goes on from the very record before it is believed first. A jump over what will never come
        proves nothing, so it is made where the unit was last: on the newest branch.
        """
        if self._belongs(key, batch):
            return key
        branches = self.all(key)
        for branch in branches[1:]:
            if self._belongs(branch, batch):
                return branch
        for branch in reversed(branches):
            if self.meet(branch, batch).jumped:
                return branch
        is_ahead = self.meet(key, batch).how == "island"
        return self._fork(key, branches, batch, is_ahead) or (key if is_ahead else None)

    def _belongs(self, key: Key, batch: Batch) -> bool:
        """Whether `batch` goes on from what is there, or is part of it."""
        how = self.meet(key, batch)
        if how.how == "known" and batch.last < self._book.head(key).next:
            held = self._book.h_at(key, batch.last)
            return held == batch.hs[-1] or (
                held is None and self._book.was_removed(key, batch.last)
            )
        return how.how == "new" and not how.jumped

    def _fork(self, key: Key, branches: Sequence[Key], batch: Batch, is_ahead: bool) -> Key | None:
        """Begins a branch at the first record that differs from the log and all its branches.

        Only where the records before it are known, or will never come by the unit's own word: a branch
        must not claim what was lost on its way. None else; the unit sends them again, from what it was told last.
        Where another branch has that name (eight digits can be made to collide), none begins: the
        answer is that branch's, which is not the unit's own, and nothing is acknowledged to it. Likewise
        where there are too many: each batch is held against all of them.
        """
        at = 0
        while any(self._book.h_at(b, batch.first + at) == batch.hs[at] for b in branches):
            at += 1
        if not at and not self._rooted(key, branches, batch, is_ahead):
            return None
        branch = (key[0], key[1], f"{key[2]}~{batch.hs[at].hex()[:8]}")
        if self._book.head(branch) != EMPTY:
            return branch
        if len(branches) > BRANCHES:
            return None
        before = batch.hs[at - 1] if at else batch.prev
        self._book.move(branch, Head(batch.first + at, before))
        self._alarm(key[0], f"{key[1]} log {key[2]} forked at record {batch.first + at}")
        return branch

    def _rooted(self, key: Key, branches: Sequence[Key], batch: Batch, is_ahead: bool) -> bool:
        """`is_ahead`: of the log itself, which may yet be filled up to it: what is missing there proves nothing."""
        before = batch.first - 1
        if any(self._book.h_at(b, before) == batch.prev for b in branches):
            return True
        if batch.first == self._oldest.get(key):
            return True
        return not is_ahead and (before == 0 or self._book.gap_at(key, before) is not None)
