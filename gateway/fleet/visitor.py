"""Somebody at the broker's door: connects as told, and says what happened. For `xunkong gateway broker check`."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

ANSWER_S = 5.0


class TurnedAway(Exception):
    """The broker did not let it in; the text says how."""


def put_away(client: Client) -> None:
    """Ends the connection and its thread, and closes the sockets that wake it, which paho leaves to chance."""
    client.disconnect()
    client.loop_stop()
    client._reset_sockets()


class Visitor:
    """One connection. Its thread puts into `came` what arrives, and sets `gone` when the connection ends."""

    def __init__(self, name: str, tls: ssl.SSLContext | None) -> None:
        self.came: list[tuple[str, bytes]] = []
        self.gone = threading.Event()
        self._something = threading.Condition()
        self._answered, self._subscribed = threading.Event(), threading.Event()
        self._refusal: str | None = None
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False
        )
        if tls:
            self.client.tls_set_context(tls)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message

    @contextmanager
    def inside(self, host: str, port: int) -> Iterator["Visitor"]:
        """While connected. Raises `TurnedAway`."""
        try:
            self.client.connect(host, port)
        except OSError as exc:
            raise TurnedAway(str(exc)) from exc
        self.client.loop_start()
        try:
            if not self._answered.wait(ANSWER_S):
                raise TurnedAway("no answer")
            if self._refusal is not None:
                raise TurnedAway(self._refusal)
            yield self
        finally:
            put_away(self.client)

    def listen(self, topic: str) -> None:
        """Subscribes; what a broker grants says nothing yet of what it delivers."""
        self._subscribed.clear()
        self.client.subscribe(topic, 1)
        self._subscribed.wait(ANSWER_S)

    def say(self, topic: str, payload: bytes) -> bool:
        """Publishes; whether the broker took note, which does not mean that it passes it on."""
        said = self.client.publish(topic, payload, 1)
        try:
            said.wait_for_publish(ANSWER_S)
        except (ValueError, RuntimeError):
            return False
        return said.is_published()

    def heard(self, topic: str, payload: bytes) -> bool:
        """Whether this came, now or within the time of an answer."""
        with self._something:
            return self._something.wait_for(lambda: (topic, payload) in self.came, ANSWER_S)

    # paho's thread

    def _on_connect(self, c: Client, _: Any, flags: Any, code: ReasonCode, props: Any) -> None:
        del c, flags, props
        self._refusal = str(code) if code.is_failure else None
        self._answered.set()

    def _on_disconnect(self, c: Client, _: Any, flags: Any, code: ReasonCode, p: Any) -> None:
        del c, flags, p
        if not self._answered.is_set():
            self._refusal = f"connection ended: {code}"
        self._answered.set()
        self.gone.set()

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed.set()

    def _on_message(self, c: Client, _: Any, message: MQTTMessage) -> None:
        del c
        with self._something:
            self.came.append((message.topic, bytes(message.payload)))
            self._something.notify_all()
