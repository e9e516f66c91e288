"""One log walked from record to record: the chain computed anew, each batch's signature checked, holes named.

A signature at a record proves it and all before it down to the last hole, since the chain's value that it covers
can come of no other bytes. Memory: the chain values of the last batch that there can be.
"""

from msgspec import Struct

from wire.chain import START, link, signed_text
from wire.evidence.findings import Finding, What
from wire.evidence.keyring import Keyring
from wire.limits import MAX_RECORDS


class Kept(Struct, frozen=True):
    """A record as it is kept. `prev`: the chain's value before it, where the record before it is not kept.

    `batch_first`, `kid`, `sig` stand on the last record of a signed batch; `batch_prev` where no record kept has
    the chain's value before that batch. `received_ms`: UTC, None where unknown.
    """

    seq: int
    raw: bytes
    h: bytes
    received_ms: int | None = None
    prev: bytes | None = None
    batch_first: int | None = None
    batch_prev: bytes | None = None
    kid: str | None = None
    sig: str | None = None


class LogWalk:
    """`next` is the record that is to come, `h` the chain's value before it (None: not known)."""

    def __init__(
        self,
        unit: str,
        stream: str,
        log: str,
        keyring: Keyring,
        next_seq: int = 1,
        before: list[bytes] | None = None,
    ) -> None:
        """`before`: where it begins in the midst of a log, the chain values that end before `next_seq`.

        None where it begins with record 1; empty where none is kept.
        """
        self.unit, self.stream, self.log = unit, stream, log
        self.where = f"{unit}/{stream}/{log}"
        self._keyring = keyring
        self.next = next_seq
        self._hs = [START] if before is None else before
        self.h = self._hs[-1] if self._hs else None
        self.records = self.proven = 0
        self._pending = self._bad = 0

    def take(self, row: Kept) -> list[Finding]:
        """What is wrong with the next record."""
        if row.seq < self.next:
            return [self._finding("order", "", row.seq)]
        found = self._jump(row) if row.seq > self.next else []
        if self.h is None:
            self._bad += 1
            found.append(
                self._finding("broken", "the chain's value before it is not kept", row.seq)
            )
        elif link(self.h, row.raw) != row.h:
            self._bad += 1
            found.append(self._finding("changed", "", row.seq))
        self._go_on(row)
        if row.sig is not None:
            found += self._signed(row, row.sig)
        return found

    def end(self) -> list[Finding]:
        """What is wrong with the log's end."""
        if not self._pending:
            return []
        found = self._finding("unsigned", "", self.next - self._pending, self.next - 1)
        self._pending = self._bad = 0
        return [found]

    def _go_on(self, row: Kept) -> None:
        self.h, self.next = row.h, row.seq + 1
        self.records += 1
        self._pending += 1
        self._hs.append(row.h)
        if len(self._hs) > 3 * MAX_RECORDS:
            del self._hs[:MAX_RECORDS]

    def _jump(self, row: Kept) -> list[Finding]:
        """Records are missing: what came before them needs a signature of its own."""
        found = self.end()
        if "~" in self.log and not self.records:
            found.append(self._finding("fork", "", row.seq, row.seq))
        else:
            found.append(self._finding("missing", "", self.next, row.seq - 1))
        self.h, self._hs = row.prev, [row.prev] if row.prev else []
        return found

    def _signed(self, row: Kept, sig: str) -> list[Finding]:
        why = self._fault(row, sig)
        first = self.next - self._pending
        if why is None:
            self.proven += self._pending - self._bad
        self._pending = self._bad = 0
        return [self._finding("signature", why, first, row.seq)] if why else []

    def _fault(self, row: Kept, sig: str) -> str | None:
        first = row.batch_first
        if first is None or not row.seq - MAX_RECORDS < first <= row.seq:
            return "it does not say of which records"
        prev = row.batch_prev or self._h_at(first - 1)
        if prev is None:
            return "the chain's value before its batch is not kept"
        base, count = self.log.split("~")[0], row.seq - first + 1
        text = signed_text(self.unit, self.stream, base, first, prev, count, row.h)
        return self._keyring.check(self.unit, text, row.kid, sig, row.received_ms)

    def _h_at(self, seq: int) -> bytes | None:
        if seq == 0:
            return START
        back = self.next - seq
        return self._hs[-back] if 0 < back <= len(self._hs) else None

    def _finding(self, what: What, why: str, first: int, last: int | None = None) -> Finding:
        return Finding(what, self.where, why, first, first if last is None else last)
