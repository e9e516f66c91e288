"""The forward process: a thread per sink, each with its own pump and connection; this one only waits."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.config import GatewayConfig, SinkSection
from gateway.forward.backoff import Backoff
from gateway.forward.cloudevents import CloudEventsSink
from gateway.forward.pump import Commits, Pump, StopAsked
from gateway.keys import GatewayKeys
from gateway.store.open import Store, fault
from gateway.store.own_log import OwnLog
from wire.service import Service
from wire.words import Words

IDLE_S = 1.0
LOOK_S = 1.0
POSTS, SLACK_S = 3, 30.0
"""A request may take its time-out for the name, for the connection and for the answer; the rest is the store's."""

log = logging.getLogger("xunkong.forward")


class Forwarder:
    """Forwards to every sink of the configuration until `stop` is set."""

    def __init__(
        self,
        config: GatewayConfig,
        store: Store,
        reached: Callable[[str], None],
        service: Service | None = None,
    ) -> None:
        """Raises `Fault` where the gateway's keys are not in order. `service`: who is told how it goes."""
        self._service = service or Service({})
        self._config, self._store, self._reached = config, store, reached
        self._keys = GatewayKeys(Path(config.keys.folder))

    def run(self, stop: threading.Event) -> None:
        """Returns once `stop` is set. What a pump could not foresee ends all, and is raised here."""
        died: list[BaseException] = []
        threads = [
            threading.Thread(
                target=self._guard, args=(sink, stop, died), name=f"sink-{sink.name}", daemon=True
            )
            for sink in self._config.sink
        ]
        self._service.ready(_line([sink.name for sink in self._config.sink]))
        self._service.alive()
        for thread in threads:
            thread.start()
        while not stop.wait(LOOK_S):
            self._service.alive()
        self._service.stopping()
        for thread in threads:
            thread.join(timeout=self._longest_s())
        if died:
            raise died[0]

    def _longest_s(self) -> float:
        return max((sink.timeout_s for sink in self._config.sink), default=0.0) + 2

    def _guard(
        self, section: SinkSection, stop: threading.Event, died: list[BaseException]
    ) -> None:
        try:
            self._pump(section, stop)
        except StopAsked:
            return
        except BaseException as exc:
            died.append(exc)
            stop.set()
            raise

    def _pump(self, section: SinkSection, stop: threading.Event) -> None:
        """The sink's thread: it touches its pump, its connection, and the store."""
        sink = CloudEventsSink(section)
        own = OwnLog(self._keys)

        def alive(pause_s: float = 0.0) -> None:
            longest_s = pause_s + POSTS * section.timeout_s + SLACK_S
            self._service.alive(f"sink {section.name}", longest_s)

        pump = Pump(section.name, sink, self._store, own, stop, self._reached, alive)
        with closing(Commits(self._store)) as commits:
            self._follow(pump, commits, stop, alive)

    def _follow(
        self, pump: Pump, commits: Commits, stop: threading.Event, alive: Callable[[], None]
    ) -> None:
        trouble = Backoff(0.2, 5.0)
        while not stop.is_set():
            alive()
            try:
                while not stop.is_set() and pump.step():
                    trouble.reset()
                pump.retry_parked()
                commits.wait(stop, IDLE_S)
            except DBAPIError as exc:
                log.error("%s; nothing moves until then", fault(self._config.store.url, exc))
                stop.wait(trouble.wait_s())


def _line(sinks: list[str]) -> Words:
    if not sinks:
        return Words("没有配置平台", "no command platform is configured: add a [[sink]]")
    names = ", ".join(sinks)
    return Words(f"转发到 {names}", f"forwards to {names}")
