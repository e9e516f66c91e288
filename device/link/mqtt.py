"""The paho adapter: one thread that keeps a connection to whichever broker answers.

It decides nothing: what happens becomes an event in the inbox. Every connection is a new client
with a clean session, so that nothing handed over before a break can surface after it; the delivery
sends again what was not acknowledged. MQTT 3.1.1.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from device.core.events import Handed, Heard, LinkDown, LinkUp
from device.link.bounded import BoundedClient
from device.link.silence import Silence
from device.papers import Papers
from wire import topics
from wire.limits import MAX_PAYLOAD_BYTES
from wire.words import Fault

KEEPALIVE_S = 20
CONNECT_TIMEOUT_S = 5
"""TCP asks three times within it (after 1 s and 3 s again); a fourth would come at 7 s. TLS has it for each answer."""

GREETING = 0
"""Stands among the messages that want an answer for MQTT's own greeting; paho numbers from 1."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
SHUT_OUT = "if it goes on, this unit's certificate may be revoked: xunkong gateway ca list"
"""A broker only hangs up on a certificate that it does not take; TLS 1.3 tells of it too late for paho."""

STEADY_S = 20.0
"""A connection that held this long starts the waiting anew when it breaks."""


class Broker(Struct, frozen=True):
    """One broker's address; `tls` False: in clear."""

    host: str
    port: int
    tls: bool = True

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class MqttLink:
    """Keeps `unit` connected. `put` takes events from this thread; `will(conn)` gives the last will.

    `papers` are read anew for each connection; while there are none that can be used, none is made.

    `publish` may be called from any thread; it returns False when there is no connection.
    """

    def __init__(
        self,
        unit: str,
        brokers: Sequence[Broker],
        put: Callable[[LinkUp | LinkDown | Heard | Handed], None],
        will: Callable[[int], bytes],
        jitter: Callable[[], float],
        papers: Papers,
    ) -> None:
        self._papers = papers
        self._unit, self._brokers, self._put, self._will = unit, brokers, put, will
        self._jitter = jitter
        self._stop, self._wake = threading.Event(), threading.Event()
        self._silence = Silence()
        self._tokens: dict[int, int] = {}
        self._early: set[int] = set()
        self._tokens_lock = threading.Lock()
        self._client: Client | None = None
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begins to connect, and goes on for ever."""
        self._thread.start()

    def stop(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Says `farewell` (topic, retained payload) if connected, and ends within a few seconds."""
        self._stop.set()
        self._wake.set()
        client = self._client
        if client is not None:
            if farewell and client.is_connected():
                client.publish(farewell[0], farewell[1], qos=1, retain=True)
            client.disconnect()
        self._thread.join(timeout=5)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, token: int) -> bool:
        """Hands a message over; `Handed(token)` comes when it was sent (QoS 0) or taken (QoS 1).

        No lock of ours is held over paho's call: its thread calls back with its own locks held.
        """
        client = self._client
        if client is None or not client.is_connected():
            return False
        info = client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        with self._tokens_lock:
            early = info.mid in self._early
            self._early.discard(info.mid)
            if not early:
                self._tokens[info.mid] = token
                self._silence.handed(info.mid, time.monotonic())
        if early:
            self._put(Handed(token))
        return True

    def hurry(self) -> None:
        """Something waits to be sent: without a connection the next try comes soon, however long it was to wait."""
        if self._client is None:
            self._wake.set()

    def look(self) -> None:
        """Gives up a connection that has been silent for too long; to be called now and then."""
        client = self._client
        with self._tokens_lock:
            dead = client is not None and self._silence.is_dead(time.monotonic())
        end: Any = client.socket() if client is not None and dead else None
        if end is not None:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    # The thread: it touches the client and the inbox, nothing else of ours

    def _run(self) -> None:
        conn, wait_s = 0, FIRST_WAIT_S
        while not self._stop.is_set():
            broker = self._brokers[conn % len(self._brokers)]
            conn += 1
            held = _Held()
            why = self._hold(broker, conn, held)
            self._put(LinkDown(conn, why))
            wait_s = FIRST_WAIT_S if held.steady() else min(LONGEST_WAIT_S, wait_s * 2)
            self._rest(wait_s * (0.5 + self._jitter()))

    def _rest(self, wait_s: float) -> None:
        """Waits before the next try; not for so long when there is something to send."""
        least_s = min(wait_s, FIRST_WAIT_S)
        self._stop.wait(least_s)
        self._wake.wait(wait_s - least_s)
        if not self._stop.is_set():
            self._wake.clear()

    def _hold(self, broker: Broker, conn: int, held: "_Held") -> str:
        try:
            client = self._make(broker, conn, held)
            client.connect(broker.host, broker.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as exc:
            return f"{broker}: {exc}"
        except Fault as exc:
            return str(exc)
        with self._tokens_lock:
            self._silence.forget()  # of what was handed over while the last one broke
            self._silence.handed(GREETING, time.monotonic())
        self._client = client
        if self._stop.is_set():
            client.disconnect()
        while client.loop() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            continue
        self._client = None
        return held.why or f"{broker}: connection lost"

    def _make(self, broker: Broker, conn: int, held: "_Held") -> Client:
        self._papers.load()
        client = BoundedClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._unit,
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.will_set(topics.state(self._unit), self._will(conn), qos=1, retain=True)
        if broker.tls:
            client.tls_set_context(self._papers.tls())

        def connected(
            client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, props: Properties | None
        ) -> None:
            del flags, props
            if code.is_failure:
                held.why = f"{broker}: {code}"
                client.disconnect()
                return
            # In this order: a worker shows the certificate by which a retained configuration is checked.
            client.subscribe([(topics.ALL_WORKERS, 1), (topics.all_down(self._unit), 1)])

        def subscribed(*_: Any) -> None:
            with self._tokens_lock:
                self._silence.answered(GREETING, time.monotonic())
            held.begin()
            self._put(LinkUp(conn, str(broker)))

        def disconnected(
            _: Client,
            __: Any,
            flags: DisconnectFlags,
            code: ReasonCode,
            props: Properties | None,
        ) -> None:
            del flags, props
            shut_out = f"; {SHUT_OUT}" if broker.tls and not held.begun else ""
            held.why = held.why or f"{broker}: {client.fault or code}{shut_out}"
            with self._tokens_lock:
                self._tokens.clear()
                self._early.clear()
                self._silence.forget()

        client.on_socket_register_write = _left_to_the_loop
        client.on_connect = connected
        client.on_subscribe = subscribed
        client.on_disconnect = disconnected
        client.on_message = self._message
        client.on_publish = self._published
        return client

    def _message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        del client
        with self._tokens_lock:
            self._silence.heard(time.monotonic())
        if len(message.payload) <= MAX_PAYLOAD_BYTES:
            self._put(Heard(message.topic, bytes(message.payload), message.retain))

    def _published(self, client: Client, _: Any, mid: int, *__: Any) -> None:
        del client
        with self._tokens_lock:
            token = self._tokens.pop(mid, None)
            self._silence.answered(mid, time.monotonic())
            if token is None:
                self._early.add(mid)
        if token is not None:
            self._put(Handed(token))


def _left_to_the_loop(*_: Any) -> None:
    """With this paho writes from its loop alone: a TLS socket that another thread writes to, while it is read
    from, sends what cannot be decrypted."""


class _Held:
    """How long one connection held, and why it ended."""

    def __init__(self) -> None:
        self.why: str | None = None
        self._since_s: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the broker let the unit in."""
        return self._since_s is not None

    def begin(self) -> None:
        self._since_s = time.monotonic()

    def steady(self) -> bool:
        return self._since_s is not None and time.monotonic() - self._since_s >= STEADY_S
