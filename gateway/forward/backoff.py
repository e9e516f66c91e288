"""How long to wait before the next try: doubling, jittered, bounded."""

import random
from collections.abc import Callable


class Backoff:
    """`wait_s()` gives the next pause; `reset()` after a success. `chance()` gives 0 to 1."""

    def __init__(
        self, first_s: float, longest_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._first_s, self._longest_s, self._chance = first_s, longest_s, chance
        self._tries = 0

    def wait_s(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait now, never less than `at_least_s` (what the other side asked for)."""
        pause_s = min(self._longest_s, self._first_s * float(1 << min(self._tries, 20)))
        self._tries += 1
        return max(at_least_s, pause_s * (0.5 + self._chance() / 2))

    def reset(self) -> None:
        """It worked: the next trouble starts with a short wait."""
        self._tries = 0
