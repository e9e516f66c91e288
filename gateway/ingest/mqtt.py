"""One broker's connection of the gateway: a thread that puts what comes, and hands out what is said.

The gateway listens at every configured broker at once, since a unit uses whichever answers. Logs
are subscribed to with QoS 1; a full hand-over queue blocks this thread, so that TCP and the broker
hold back, and what the broker drops the units send again.
"""

import logging
import random
import ssl
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import BrokerSection
from gateway.ingest.buffered import BufferedClient
from gateway.ingest.inbox import Inbox
from gateway.ingest.intake import Message
from wire import topics
from wire.words import Fault

KEEPALIVE_S = 20
FIRST_WAIT_S = 0.3
LONGEST_WAIT_S = 1.0
"""Every unit waits for the gateway; a try a second costs a broker nothing."""

log = logging.getLogger("xunkong.ingest")


class BrokerLink:
    """Keeps the connection number `via`. `greeted` is called, from this thread, at each connection."""

    def __init__(
        self,
        via: int,
        broker: BrokerSection,
        worker: str,
        inbox: Inbox,
        will: bytes,
        greeted: Callable[[int], None],
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        """`tls()`: the gateway's papers, read anew for each connection; raises `Fault`."""
        self.broker, self._tls = broker, tls
        self._via, self._worker, self._inbox = via, worker, inbox
        self._will, self._greeted = will, greeted
        self._stop = threading.Event()
        self._client: BufferedClient | None = None
        self.why = "not connected yet"
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{via}", daemon=True)

    def start(self) -> None:
        """Begins to connect, and goes on for ever."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Says something with QoS 1; False without a connection. Any thread may call it."""
        client = self._client
        if client is None or not client.is_connected():
            return False
        return client.publish(topic, payload, 1, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def stop(self) -> None:
        """Ends within a few seconds."""
        self._stop.set()
        if self._client:
            self._client.disconnect()
        self._thread.join(timeout=5)

    # The thread

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            before, held = self.why, self._hold()
            if self.why and self.why != before:
                log.warning("broker %s: %s; tried again and again", self.broker, self.why)
            wait_s = FIRST_WAIT_S if held else min(LONGEST_WAIT_S, wait_s * 2)
            self._stop.wait(wait_s * random.uniform(0.5, 1.5))

    def _hold(self) -> bool:
        try:
            client = self._make()
            client.connect(self.broker.host, self.broker.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError, Fault) as exc:
            self.why = str(exc)
            return False
        self._client = client
        client.loop_forever(retry_first_connection=False)
        self._client = None
        return True

    def _make(self) -> BufferedClient:
        client = BufferedClient(
            CallbackAPIVersion.VERSION2,
            client_id=f"{topics.GATEWAY}-{self._worker}",
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(0)
        client.will_set(topics.worker_state(self._worker), self._will, qos=1, retain=True)
        if self.broker.tls:
            client.tls_set_context(self._tls())
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        return client

    def _connected(self, client: Client, _: Any, flags: Any, code: ReasonCode, props: Any) -> None:
        del flags, props
        if code.is_failure:
            self.why = str(code)
            client.disconnect()
            return
        client.subscribe(topics.ALL_UP, qos=1)

    def _subscribed(self, *_: Any) -> None:
        self.why = ""
        self._greeted(self._via)

    def _disconnected(self, client: Client, _: Any, flags: Any, code: ReasonCode, p: Any) -> None:
        del client, flags, p
        self.why = (self._client and self._client.fault) or str(code)

    def _message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        del client
        came = Message(message.topic, bytes(message.payload), message.retain, self._via)
        while not self._stop.is_set() and not self._inbox.put(came, wait_s=1.0):
            continue
