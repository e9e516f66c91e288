"""The authority's process: signs for units, keeps the broker's passwords, and renews the site's own certificates.

One thread. It alone, beside the `ca` commands, reads the authority's key.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.config import GatewayConfig
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.fleet.endings import Endings
from gateway.fleet.folder import KeyFolder
from gateway.fleet.registrar import Registrar
from gateway.fleet.revocation import publish_list
from gateway.fleet.roll import check_clock, count_out, out_lately, unlisted
from gateway.fleet.site_keys import ageing, renew
from gateway.store.open import Store, fault
from wire.service import Service
from wire.words import Fault, Words

LOOK_S, AGAIN_S = 0.3, 3.0
CHORES_MS = 60_000
LATELY_MS = 7 * 86_400_000
"""A session lasts as long as broker and line do; one that lasts longer is ended by `fleet retire` once more."""

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
        self._endings = Endings(config.broker, self._folder.login, clock)

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set. A database that fails is tried again."""
        self._end_lately_out()
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
        self._endings.look()
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
        self._endings.add(late - {""})

    def _end_lately_out(self) -> None:
        """Whom a process before this one put on the list may have its session still; so may who is listed just now."""
        with self._store.reading() as connection:
            out = out_lately(connection, self._clock() - LATELY_MS)
            out |= unlisted(connection, self._folder.revocations())
        self._endings.add(out - {""})

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
