"""The gateway's own records, of unit `gw`: alarms and findings, chained, signed and forwarded like a unit's."""

import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway.store.book import Book, Seal
from gateway.store.schema import ledger
from wire.batch import encode_record
from wire.chain import Signer, link, signed_text
from wire.records import Alarm, AlarmName, Record, Stream
from wire.topics import GATEWAY

STREAM: Stream = "event"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class OwnLog:
    """Writes into the group of changes that is open; each record is a batch of its own, and signed."""

    def __init__(self, signer: Signer, boot_id: Path = BOOT_ID) -> None:
        self._signer = signer
        self._boot = boot_id.read_text("ascii").replace("-", "")[:8]

    def alarm(
        self,
        book: Book,
        what: str,
        alarm: AlarmName = "storage",
        part: str = "gw",
        active: bool = True,
    ) -> None:
        """Writes an alarm: `what` is wrong (or, not `active`, is over), on whose `part`."""
        self.write(book, Alarm, alarm=alarm, what=what[:500], part=part[:64], active=active)

    def write(self, book: Book, kind: type[Record], **fields: Any) -> None:
        """Writes a record of `kind` with `fields`; its head is the gateway's own."""
        up_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        head: dict[str, Any] = {"boot": self._boot, "up_ms": up_ms, "at_ms": book.now_ms}
        raw = encode_record(kind(**head, clock="ntp", clock_err_ms=None, **fields))
        log = self._log(book)
        before = book.head((GATEWAY, STREAM, log))
        h = link(before.h, raw)
        text = signed_text(GATEWAY, STREAM, log, before.next, before.h, 1, h)
        seal = Seal(before.next, self._signer.kid, self._signer.sign(text))
        book.append((GATEWAY, STREAM, log), [raw], [h], seal)

    def _log(self, book: Book) -> str:
        """A log for each store: one that was put back from a copy must not give numbers anew that are taken."""
        store = book.connection.execute(sa.select(ledger.c.store)).scalar_one()
        return sha256(f"{GATEWAY}|{store}".encode()).hexdigest()[:16]
