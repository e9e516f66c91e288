"""The sessions that are still to be ended of units that were revoked."""

import logging
import ssl
from collections.abc import Callable, Iterable, Sequence

from gateway.config import BrokerSection
from gateway.fleet.revocation import Away, end_session
from wire.words import Fault

AGAIN_MS = 15_000

log = logging.getLogger("xunkong.authority")


class Endings:
    """One at a look, so that who is to be let in waits for one at the most. `tls`: the gateway's own log-in.

    A broker that could not be asked is left alone for `AGAIN_MS`, whoever else is to be put out there.
    """

    def __init__(
        self,
        brokers: Sequence[BrokerSection],
        tls: Callable[[], ssl.SSLContext],
        clock: Callable[[], int],
    ) -> None:
        self._brokers, self._tls, self._clock = brokers, tls, clock
        self._due_ms: dict[tuple[str, BrokerSection], int] = {}
        self._away_until_ms: dict[BrokerSection, int] = {}

    def add(self, units: Iterable[str]) -> None:
        """These are revoked, and on the list."""
        for unit in sorted(units):
            for broker in self._brokers:
                self._due_ms.setdefault((unit, broker), 0)

    def look(self) -> None:
        """Ends the session that is due longest; one that lasts is tried again later."""
        unit, broker = min(self._due_ms, key=self._from_ms, default=(None, None))
        if unit is None or broker is None or self._clock() < self._from_ms((unit, broker)):
            return
        try:
            end_session(broker, self._tls, unit)
        except Fault as exc:
            log.error("%s; tried again", exc)
            self._due_ms[unit, broker] = again_ms = self._clock() + AGAIN_MS
            if isinstance(exc, Away):
                self._away_until_ms[broker] = again_ms
            return
        del self._due_ms[unit, broker]
        if not any(other == unit for other, _ in self._due_ms):
            log.warning("%s was revoked: on the list now, and its session is ended", unit)

    def _from_ms(self, one: tuple[str, BrokerSection]) -> int:
        return max(self._due_ms[one], self._away_until_ms.get(one[1], 0))
