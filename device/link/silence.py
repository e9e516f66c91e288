"""When a connection that has fallen silent counts as dead: sooner on a link that used to answer fast. Pure.

A broker that vanished without a word (a lost route, a forgotten NAT entry) is noticed by MQTT's keep-alive
only after its time, twice. What was handed over is answered much sooner, by a PUBACK. As with TCP's own
time-outs (RFC 6298): the limit follows what was measured, and doubles when it was in vain.
"""

LEAST_S, MOST_S = 2.5, 20.0
FIRST_S = 2.0
"""How slow a link is taken to be that was never measured."""

FADES = 0.95
"""What is left of the slowest answer at each that was faster."""


class Silence:
    """Outlives connections: the next one is over the same link."""

    def __init__(self) -> None:
        self._slowest_s = FIRST_S
        self._in_vain = 0
        self._waiting: dict[int, float] = {}
        self._heard_s = 0.0

    @property
    def limit_s(self) -> float:
        """How long a connection may owe an answer, and say nothing else."""
        return min(MOST_S, max(LEAST_S, 1.0 + 3 * self._slowest_s) * float(1 << self._in_vain))

    def forget(self) -> None:
        """The connection is gone; nothing is owed any more."""
        self._waiting.clear()

    def handed(self, number: int, now_s: float) -> None:
        """Message `number` was handed over, and wants an answer."""
        self._waiting[number] = now_s

    def answered(self, number: int, now_s: float) -> None:
        """Message `number` was answered."""
        self._heard_s = now_s
        since_s = self._waiting.pop(number, None)
        if since_s is not None:
            self._slowest_s = max(now_s - since_s, self._slowest_s * FADES)
            self._in_vain = 0

    def heard(self, now_s: float) -> None:
        """Something came, whatever it was: the connection lives."""
        self._heard_s = now_s

    def is_dead(self, now_s: float) -> bool:
        """Whether to give the connection up; True doubles the limit until the next answer."""
        oldest_s = min(self._waiting.values(), default=now_s)
        dead = now_s - max(oldest_s, self._heard_s) > self.limit_s
        if dead:
            self._in_vain = min(self._in_vain + 1, 8)
            self.forget()
        return dead
