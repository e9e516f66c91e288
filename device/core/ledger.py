"""Adds up a counter that begins anew now and then, into days or months. Pure.

A counter (bytes of a connection, sectors of a card since boot) belongs to a session. What it grew by
goes to the period of the moment, so that reconnects, restarts and the turn of a month lose nothing.
What is counted before the date is known waits for it. A date that jumps ahead and comes back books
into its own wrong period only, and takes nothing from the right one.
"""

import calendar
from datetime import UTC, date, datetime, tzinfo

from msgspec import Struct

PERIODS_KEPT = 4


class Ledger(Struct):
    """What was counted per period; `waiting` has no date yet. Kept as it is over restarts."""

    session: str | None = None
    seen_bytes: int = 0
    booked: dict[str, int] = {}
    waiting_bytes: int = 0

    def count(self, period: str | None, session: str, total_bytes: int) -> None:
        """The counter of `session` stands at `total_bytes`. `period` None: the date is not known.

        The same session with less than before has begun anew under its old name.
        """
        same = session == self.session and total_bytes >= self.seen_bytes
        self.waiting_bytes += total_bytes - (self.seen_bytes if same else 0)
        self.session, self.seen_bytes = session, total_bytes
        if period is not None:
            self._book(period)

    def _book(self, period: str) -> None:
        total, self.waiting_bytes = self.total(period), 0
        self.booked = {name: n for name, n in self.booked.items() if name != period}
        self.booked[period] = total
        for name in list(self.booked)[:-PERIODS_KEPT]:
            del self.booked[name]

    def total(self, period: str) -> int:
        """All of `period` so far, with what has no date yet."""
        return self.booked.get(period, 0) + self.waiting_bytes


def day_of(at_ms: int, zone: tzinfo) -> str:
    """The day in the site's zone, as `2026-11-24`."""
    return _local(at_ms, zone).isoformat()


def plan_month_of(at_ms: int, zone: tzinfo, month_day: int) -> str:
    """The first day of the SIM's plan month; a plan that renews on the 31st does so on a month's last."""
    today = _local(at_ms, zone)
    begins = _on(today.year, today.month, month_day)
    if begins > today:
        before = 12 * today.year + today.month - 2
        begins = _on(before // 12, before % 12 + 1, month_day)
    return begins.isoformat()


def _local(at_ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _on(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
