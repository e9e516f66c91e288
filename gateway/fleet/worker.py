"""The authority's process: signs for units, keeps the broker's passwords, and renews the site's own certificates.

One thread. It alone, beside the `ca` commands, reads the authority's key.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.config import BrokerSection, GatewayConfig
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.fleet.folder import KeyFolder
from gateway.fleet.registrar import Registrar
from gateway.fleet.revocation import end_session, publish_list
from gateway.fleet.roll import check_clock, count_out, unlisted
from gateway.fleet.site_keys import ageing, renew
from gateway.store.open import Store, fault
from wire.service import Service
from wire.words import Fault, Words

LOOK_S, AGAIN_S = 0.3, 3.0
CHORES_MS = 60_000
END_AGAIN_MS = 15_000

log = logging.getLogger("xunkong.authority")


class AuthorityWorker:
    """Raises `Fault` where the authority's key is not to be had."""

    def __init__(
        self,
        config: GatewayConfig,
        store: Store,
        clock: Callable[[], int] = now_ms,
        service: Service | None = None,
    ) -> None:
        self._config, self._store, self._clock = config, store, clock
        self._folder = KeyFolder(Path(config.keys.folder))
        self._broker = BrokerFolder(config)
        section = config.authority
        self._registrar = Registrar(store, self._folder.issuer(), section.unit_days)
        self._service = service or Service({})
        self._chores_ms = 0
        self._out = -1
        self._to_end: set[str] = set()
        self._end_ms = 0

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set. A database that fails is tried again."""
        publish_list(self._folder, self._store)
        self._reload()
        self._service.ready(Words("可签发证书", "signs what units ask for"))
        while not stop.is_set():
            self._service.alive()
            wait_s = LOOK_S
            try:
                self.look()
            except (DBAPIError, Fault) as exc:
                url, wait_s = self._config.store.url, AGAIN_S
                why = fault(url, exc) if isinstance(exc, DBAPIError) else exc
                log.error("%s; tried again", why)
            stop.wait(wait_s)
        self._service.stopping()

    def look(self) -> None:
        """What is due now; nothing while the clock cannot be right."""
        at_ms = self._clock()
        check_clock(at_ms)
        self._list_late()
        self._registrar.serve(at_ms)
        if self._broker.keep_passwords(self._store, at_ms):
            self._reload()
        if at_ms >= self._end_ms:
            self._end_sessions(at_ms)
        if at_ms - self._chores_ms >= CHORES_MS:
            self._chores_ms = at_ms
            self._renew_own(at_ms)
            self._registrar.tidy(at_ms)

    def _list_late(self) -> None:
        """A unit that was put out before its certificate was known here goes on the list once it is."""
        with self._store.reading() as connection:
            out = count_out(connection)
            late = set() if out == self._out else unlisted(connection, self._folder.revocations())
        if late:
            publish_list(self._folder, self._store)
            self._reload()
        self._out = out
        self._to_end |= late - {""}

    def _end_sessions(self, at_ms: int) -> None:
        """A broker that cannot be asked holds nothing else up: who is to be let in does not wait for it."""
        for unit in sorted(self._to_end):
            self._service.alive()
            lasting = [broker for broker in self._config.broker if not self._ended(broker, unit)]
            if not lasting:
                self._to_end.remove(unit)
                log.warning("%s was revoked: on the list now, and its session is ended", unit)
            else:
                self._end_ms = at_ms + END_AGAIN_MS

    def _ended(self, broker: BrokerSection, unit: str) -> bool:
        try:
            end_session(broker, self._folder.login, unit)
        except Fault as exc:
            log.error("%s; tried again", exc)
            return False
        return True

    def _renew_own(self, at_ms: int) -> None:
        due = ageing(self._folder, at_ms)
        for name in due:
            days = self._config.authority.server_days
            made = renew(self._folder, self._store, name, days, at_ms, keep_key=True)
            log.info("certificate of %s renewed until %s", name, made.not_valid_after_utc)
        if due:
            self._reload()

    def _reload(self) -> None:
        """What fails here is not lost: the broker reads its files whenever it starts, too."""
        try:
            self._broker.reload()
        except Fault as exc:
            log.error("%s", exc)
