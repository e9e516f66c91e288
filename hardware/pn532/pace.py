"""How long bytes take on a UART: what is pushed comes out when its last bit would be through. Pure."""

BITS = 10
"""A byte with its start and stop bit."""


class Pace:
    """One direction of a line. All times are seconds of any clock that only rises."""

    def __init__(self) -> None:
        self._busy_until_s = 0.0
        self._under_way: list[tuple[float, bytes, int]] = []

    def push(self, data: bytes, baud: int, now_s: float) -> None:
        """Sends bytes, after those that are still under way."""
        self._busy_until_s = max(now_s, self._busy_until_s) + len(data) * BITS / baud
        self._under_way.append((self._busy_until_s, data, baud))

    def due(self, now_s: float) -> list[tuple[bytes, int]]:
        """What has come through by `now_s`, each with its rate."""
        through = [(data, baud) for at_s, data, baud in self._under_way if at_s <= now_s]
        self._under_way = self._under_way[len(through) :]
        return through

    def next_s(self) -> float | None:
        """When `due` will have something; None: nothing is under way."""
        return self._under_way[0][0] if self._under_way else None

    def clear(self) -> None:
        """What was under way is lost."""
        self._under_way.clear()
        self._busy_until_s = 0.0
