"""How many refused messages are written down: a bad broker must not fill the card with records of its attempts."""

from collections import deque

RECORDS_AN_HOUR = 30
HOUR_MS = 3_600_000


class Refusals:
    """Counts the records of the last hour."""

    def __init__(self) -> None:
        self._recorded_ms: deque[int] = deque(maxlen=RECORDS_AN_HOUR)

    def admit(self, up_ms: int) -> bool:
        """Whether one more may be written down now; it counts as written."""
        full = len(self._recorded_ms) == RECORDS_AN_HOUR
        if full and up_ms - self._recorded_ms[0] < HOUR_MS:
            return False
        self._recorded_ms.append(up_ms)
        return True
