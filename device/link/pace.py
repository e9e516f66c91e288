"""How fast the link is, and how much of it is already spoken for.

At most one second of the measured link is handed to the MQTT client, so that what is urgent never
waits behind a backlog. The measure: bytes that the broker took (PUBACK), over the time for which
something was waiting.
"""

FLOOR_BYTES = 8 * 1024
"""What is always handed over, however slow the link seems: a small link is not measured to a standstill."""

START_BYTES_S = FLOOR_BYTES
"""Of a new link nothing is known: it may be a slow one. A fast one is known for what it is after a few messages."""

TRIP_MS = 60_000
"""After so long a round trip is measured anew: links change."""

MEASURE_BYTES = 4 * 1024
"""Less than this says more of the round trip than of the rate."""


class Pace:
    """Counts the bytes that the MQTT client holds, and learns how fast they go."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A new connection: nothing is waiting; the rate must be learned anew."""
        self._waiting: dict[int, int] = {}
        self._bytes_s = float(START_BYTES_S)
        self._busy_since_ms: int | None = None
        self._taken_bytes = 0
        self._trip: tuple[int, int] | None = None

    def handed(self, token: int, size: int, up_ms: int) -> None:
        """`size` bytes were handed over as message `token`."""
        if not self._waiting:
            self._busy_since_ms, self._taken_bytes = up_ms, 0
        self._waiting[token] = size

    def taken(self, token: int, up_ms: int) -> None:
        """The broker took message `token`."""
        size = self._waiting.pop(token, None)
        if size is None or self._busy_since_ms is None:
            return
        self._taken_bytes += size
        if self._taken_bytes == size and not self._waiting:
            self._alone(up_ms - self._busy_since_ms, up_ms)
        if self._taken_bytes >= MEASURE_BYTES:
            busy_ms = max(1, up_ms - self._busy_since_ms)
            measured = self._taken_bytes * 1000 / busy_ms
            self._bytes_s += (measured - self._bytes_s) * 0.3
            self._busy_since_ms, self._taken_bytes = up_ms, 0

    def room(self) -> int:
        """How many bytes may be handed over now."""
        return int(max(FLOOR_BYTES, self._bytes_s)) - sum(self._waiting.values())

    def _alone(self, took_ms: int, up_ms: int) -> None:
        """Nothing else was on its way with it."""
        if self._trip is None or took_ms <= self._trip[0] or up_ms - self._trip[1] > TRIP_MS:
            self._trip = took_ms, up_ms

    def trip_ms(self) -> int:
        """What a message takes there and back at the least, 0 where that is not known."""
        return self._trip[0] if self._trip else 0
