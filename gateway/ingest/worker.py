"""The ingest process: takes what the brokers bring, in groups, and answers after the commit.

Threads: one per broker (puts messages, see `gateway.ingest.mqtt`), and this one, which alone
touches the store.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gateway.config import GatewayConfig
from gateway.daily_root import DailyRoot
from gateway.ingest.inbox import Inbox
from gateway.ingest.intake import Intake, Message
from gateway.ingest.mqtt import BrokerLink
from gateway.ingest.registry import Registry, keep
from gateway.ingest.releases import Hatch
from gateway.keys import GatewayKeys
from gateway.orders import Desk
from gateway.rollout.conductor import look as look_after_rollouts
from gateway.roster import for_unit
from gateway.store.open import Store, fault
from gateway.store.own_log import OwnLog
from gateway.store.schema import configs
from gateway.unit_config import newest
from gateway.unit_keys import site_keys, unit_key
from wire import codec, topics
from wire.live import WorkerState
from wire.orders import ConfigMessage
from wire.service import Service
from wire.words import Fault, Words, printable

IDLE_S = 0.2
STATE_EVERY_MS = 30_000
CONFIG_EVERY_MS = 1_000
ROLLOUT_EVERY_MS = 5_000
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger("xunkong.ingest")


class Worker:
    """One ingest worker; `reached` is called at the named points."""

    def __init__(
        self,
        config: GatewayConfig,
        store: Store,
        reached: Callable[[str], None],
        service: Service | None = None,
    ) -> None:
        """Raises `Fault` where the gateway's keys are not in order. `service`: who is told how it goes."""
        self._store, self._reached = store, reached
        self._service = service or Service({})
        self._name = config.ingest.worker
        self._url = config.store.url
        self._keys = keys = GatewayKeys(Path(config.keys.folder))
        photos, cards = Path(config.photos.path), site_keys(config.cards)
        self._cards, self._sealed_picc = cards, config.cards.sealed_picc
        registry, releases = Registry(keys.authority), Hatch(config.releases)
        self._intake = Intake(store, registry, keys, reached, photos, cards, releases)
        self._inbox = Inbox()
        self._orders = Desk(store, keys)
        self._root = DailyRoot(store, OwnLog(keys), config.zone())
        self._greet: Queue[int] = Queue()
        self._links = [
            BrokerLink(
                via, broker, self._name, self._inbox, self._will(), self._greet.put, keys.tls
            )
            for via, broker in enumerate(config.broker)
        ]
        self._published: dict[str, tuple[int, str | None]] = {}
        self._config_ms = self._state_ms = self._rollout_ms = 0

    def _will(self) -> bytes:
        return codec.encode(WorkerState(1, False))

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set. A database that fails is tried again; nothing is answered meanwhile."""
        self._keep_own_certificate(_now_ms())
        self._intake.look_over_photos(_now_ms())
        for link in self._links:
            link.start()
        self._service.says(Words("等待 broker", "waiting for a broker"))
        try:
            while not stop.is_set():
                self._service.alive()
                self._chores(_now_ms())
                group = self._inbox.take(IDLE_S)
                if not self._take(group, stop):
                    break
        finally:
            self._service.stopping()
            for link in self._links:
                link.publish(topics.worker_state(self._name), self._will(), retain=True)
                link.stop()

    def _take(self, group: list[Message], stop: threading.Event) -> bool:
        """Commits and answers; tries again until it works or the process is to end."""
        tries = 0
        while True:
            self._service.alive()
            try:
                answers = self._intake.take(group, _now_ms())
            except DBAPIError as exc:
                log.error(
                    "%s; %d messages wait, nothing is acknowledged",
                    fault(self._url, exc),
                    len(group),
                )
                if stop.wait(RETRY_S[min(tries, len(RETRY_S) - 1)]):
                    return False
                tries += 1
                continue
            for answer in answers:
                self._links[answer.via].publish(answer.topic, answer.payload)
            if answers:
                self._reached("ingest.after_ack")
            return True

    # What is due beside the messages

    def _chores(self, now_ms: int) -> None:
        while not self._greet.empty():
            via = self._greet.get_nowait()
            log.info("connected to broker %s", self._links[via].broker)
            self._greet_anew(now_ms)
            self._service.ready(Words("接收并保存", "takes and keeps"))
        if now_ms - self._state_ms >= STATE_EVERY_MS:
            self._say_state(now_ms)
            self._tell_of_floods(now_ms)
            if self._keys.renewed():
                log.info("signing with key %s from now on", self._keys.kid)
                self._keep_own_certificate(now_ms)
                self._greet_anew(now_ms)
        if now_ms - self._config_ms >= CONFIG_EVERY_MS:
            self._config_ms = now_ms
            self._publish_configs()
            self._publish_answers(now_ms)
            self._close_day(now_ms)

        if now_ms - self._rollout_ms >= ROLLOUT_EVERY_MS:
            self._rollout_ms = now_ms
            self._roll_out(now_ms)

    def _roll_out(self, now_ms: int) -> None:
        try:
            look_after_rollouts(self._store, now_ms)
        except DBAPIError as exc:
            log.error("%s", fault(self._url, exc))

    def _keep_own_certificate(self, now_ms: int) -> None:
        """So that what the gateway signs in its own log can be verified as long as there is a store."""
        with self._store.changing() as connection:
            keep(connection, self._keys.certificate, now_ms)

    def _tell_of_floods(self, now_ms: int) -> None:
        passed_over = self._inbox.passed_over()
        if not passed_over:
            return
        for unit, count in passed_over.items():
            log.warning("%s: %d messages beyond its share were passed over", printable(unit), count)
        try:
            self._intake.tell_of_floods(passed_over, now_ms)
        except DBAPIError as exc:
            log.error("%s", fault(self._url, exc))

    def _close_day(self, now_ms: int) -> None:
        try:
            self._root.make(now_ms)
        except DBAPIError as exc:
            log.error("%s", fault(self._url, exc))

    def _greet_anew(self, now_ms: int) -> None:
        """Whatever was said before may be lost, or signed with a key that is no more."""
        self._say_state(now_ms)
        self._published.clear()
        self._orders.forget()
        self._intake.counter.forget()
        self._config_ms = 0

    def _say_state(self, now_ms: int) -> None:
        self._state_ms = now_ms
        cert = self._keys.certificate.text
        state = codec.encode(WorkerState(1, True, self._store.identity, now_ms, cert))
        topic = topics.worker_state(self._name)
        up = sum(link.publish(topic, state, retain=True) for link in self._links)
        of = len(self._links)
        self._service.says(Words(f"已连接 broker {up}/{of}", f"connected to {up} of {of} brokers"))

    def _publish_configs(self) -> None:
        try:
            for unit, version in self._wanted().items():
                self._publish_config(unit, version)
        except DBAPIError as exc:
            log.error("%s", fault(self._url, exc))

    def _publish_config(self, unit: str, version: int) -> None:
        """What is wrong with one unit's is told once, and keeps nothing from the others."""
        public = unit_key(self._store, unit)
        if self._published.get(unit) == (version, public):
            return
        try:
            body = self._config(unit, public)
        except Fault as exc:
            log.error("configuration %d of %s: %s", version, unit, exc)
            self._published[unit] = (version, public)
            return
        if body is None:
            return
        said = [link.publish(topics.config(unit), body, retain=True) for link in self._links]
        if any(said):
            self._published[unit] = (version, public)

    def _publish_answers(self, now_ms: int) -> None:
        """Orders, and certificates that were asked for."""
        try:
            due = self._orders.due(self._intake.nonces, now_ms)
            due += self._intake.counter.due(now_ms)
        except DBAPIError as exc:
            log.error("%s", fault(self._url, exc))
            return
        for topic, payload in due:
            for link in self._links:
                link.publish(topic, payload)

    def _wanted(self) -> dict[str, int]:
        query = sa.select(configs.c.unit, sa.func.max(configs.c.version)).group_by(configs.c.unit)
        with self._store.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _config(self, unit: str, public: str | None) -> bytes | None:
        """As the unit is told; None while it has cards and no key to seal them to, which its greeting brings."""
        message = newest(self._store, unit)
        if message is None or (public is None and message.config.has_cards):
            return None
        told = for_unit(message.config, unit, public or "", self._cards, self._sealed_picc)
        topic = topics.config(unit)
        return codec.encode_signed(ConfigMessage(1, unit, message.version, told), topic, self._keys)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
