"""What the gateway says to a unit: acknowledgements, configuration, orders, and how its workers are."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from device.core.clock import Anchor
from device.core.desk import Desk, Handler
from device.core.effects import Acknowledge, Effect, Keep, Publish, Save, Signal
from device.core.events import Heard
from device.core.moment import Now
from device.core.picture import Picture
from device.core.refusals import RECORDS_AN_HOUR, Refusals
from device.core.scribe import Scribe
from device.core.station import Means, Memory
from device.core.timekeeper import Timekeeper
from device.core.urgent import Urgent
from device.link.delivery import Delivery
from wire import codec, topics
from wire.batch import BadPayload
from wire.live import Hello, WorkerState
from wire.orders import UNATTENDED, Ack, ConfigMessage, OrderMessage, UnitConfig
from wire.records import Config, Order, OrderOutcome, Stream
from wire.words import Fault

GATEWAY_ERR_MS = 2_000
"""How far the gateway's time may be off when its acknowledgement is read: a slow link's round trip."""

MAX_ORDERS = 64

GATEWAY_CERT, TAKEN = "gateway certificate", "orders"
"""The settings that keep them over restarts."""


class _Taken(Struct):
    """The ids of the orders that were taken, the latest last."""

    ids: list[str]


class Downlink(Desk):
    """Reads what comes down. Whatever is wrong with a message, it is refused and nothing is changed."""

    def __init__(
        self,
        unit: str,
        scribe: Scribe,
        picture: Picture,
        delivery: Delivery,
        timekeeper: Timekeeper,
        urgent: Urgent,
        means: Means,
    ) -> None:
        self._unit, self._means = unit, means
        self._timekeeper, self._urgent = timekeeper, urgent
        self._scribe, self._picture, self._delivery = scribe, picture, delivery
        self._pending: ConfigMessage | None = None
        self._unproven: bytes | None = None
        self._complained: set[bytes] = set()
        self.nonce = ""
        """Of the latest greeting."""
        self.heard_ms: int | None = None
        """When the gateway last answered for a log (CLOCK_BOOTTIME)."""
        self._taken: list[str] = []
        self._turned_down: list[str] = []
        self._refusals = Refusals()

    def hello(self, boot: str, token: int) -> Publish:
        """A greeting with a fresh nonce, by which orders must prove that they are of now."""
        self.nonce = self._means.nonce()
        signer, topic = self._means.signer, topics.hello(self._unit)
        hello = Hello(1, self.nonce, boot, self._delivery.heads(), *self._means.introduction())
        return Publish(topic, codec.encode_signed(hello, topic, signer), 1, False, token)

    def handlers(self) -> Mapping[type, Handler]:
        return {Heard: self._heard}

    def recall(self, memory: Memory) -> None:
        """An order that was taken before the restart is not carried out again, though it be sent again."""
        note = memory.notes.recall(TAKEN, _Taken)
        self._taken = note.ids if note else []

    def _heard(self, heard: Heard, now: Now) -> list[Effect]:
        try:
            effects = self._read(heard.topic, heard.payload, heard.retained, now)
        except BadPayload as exc:
            return self._complain(heard.topic, heard.payload, str(exc), now)
        self._picture.alarm("downlink", None)
        return effects

    def _read(self, topic: str, payload: bytes, retained: bool, now: Now) -> list[Effect]:
        match topics.parse(topic):
            case topics.Worker(worker):
                return self._worker(worker, codec.decode(payload, WorkerState), retained, now)
            case topics.Down(unit, "ack", about) if unit == self._unit and about != "photo":
                return self._answer("track" if about == "track" else "event", topic, payload, now)
            case topics.Down(unit, "config") if unit == self._unit:
                return self._config(topic, payload, now)
            case topics.Down(unit, "order") if unit == self._unit and not retained:
                return self._order(topic, payload, now)
        return []

    def _worker(self, worker: str, state: WorkerState, retained: bool, now: Now) -> list[Effect]:
        """A worker shows the gateway's certificate before it says anything that is signed."""
        new = state.cert is not None and self._means.verifier.admit(state.cert)
        self._delivery.worker(worker, state, now.up_ms, retained)
        if not new:
            return []
        again, self._unproven = self._unproven, None
        effects: list[Effect] = [Save(GATEWAY_CERT, {"cert": state.cert})]
        return effects + (self._config(topics.config(self._unit), again, now) if again else [])

    def _answer(self, stream: Stream, topic: str, payload: bytes, now: Now) -> list[Effect]:
        signed = codec.decode_answer(payload, topic)
        fault, answer = self._fault(signed), signed.message
        if fault:
            self._picture.alarm("ack", f"acknowledgement not believed: {fault}")
            return []
        self._picture.alarm("ack", None)
        if isinstance(answer, Ack):
            self.heard_ms = now.up_ms
            self._picture.alarm("refused", None)
            fresh = answer.nonce == self.nonce
            effects = self._delivery.acknowledged(stream, answer, fresh)
            if fresh and any(isinstance(effect, Acknowledge) for effect in effects):
                heard = Anchor(now.up_ms, answer.now_ms, "gw", GATEWAY_ERR_MS)
                effects = [
                    *effects,
                    *self._timekeeper.learn(heard),
                ]  # a repeated one tells an old time
            return effects
        self._picture.alarm("refused", f"the gateway refused a {stream} batch: {answer.refused}")
        self._delivery.refused(stream, now.up_ms)
        return []

    def _fault(self, signed: codec.Signed[Any]) -> str | None:
        return self._means.verifier.check(topics.GATEWAY, signed.text, signed.kid, signed.sig)

    # Configuration: applied whole or not at all

    def _config(self, topic: str, payload: bytes, now: Now) -> list[Effect]:
        signed = codec.decode_signed(payload, topic, ConfigMessage)
        message, held = signed.message, self._picture.config or 0
        fault = self._fault(signed)
        self._unproven = payload if fault else None
        if message.unit != self._unit:
            fault = f"it is for unit {message.unit}"
        if fault is None and message.version == held:
            return []
        if fault is None and message.version < held:
            fault = f"version {message.version} is older than {held}, which is in use"
        fault = fault or self._closed(message.config)
        if fault:
            return self._complain("config", payload, fault, now, message.version)
        self._pending = message
        return [Save("config", msgspec.to_builtins(message))]

    def _closed(self, config: UnitConfig) -> str | None:
        """Why the card keys in `config` cannot be used here; None where they can, or there are none."""
        try:
            if config.card_keys is not None:
                self._means.cards.open(config.card_keys)
        except Fault as exc:
            return str(exc)
        return None

    def saved(self) -> UnitConfig | None:
        """The new configuration stands on the medium: it is in force from here on."""
        message, self._pending = self._pending, None
        if message is None:
            return None
        self._picture.config = message.version
        self._picture.alarm("config", None)
        self._picture.touch()
        return message.config

    def _complain(
        self, where: str, payload: bytes, why: str, now: Now, version: int = 0
    ) -> list[Effect]:
        digest = sha256(payload).digest()
        if digest in self._complained:
            return []
        self._complained = {*list(self._complained)[-31:], digest}
        if not where.endswith("config"):
            self._picture.alarm("downlink", f"unreadable message on {where}: {why}"[:500])
            return []
        self._picture.alarm("config", f"configuration {version} refused: {why}"[:500])
        if not self._may_record(now):
            return []
        record = self._scribe.write(
            Config, now.up_ms, version=version, outcome="refused", why=why[:500]
        )
        return [Keep(record)]

    # Orders

    def _order(self, topic: str, payload: bytes, now: Now) -> list[Effect]:
        signed = codec.decode_signed(payload, topic, OrderMessage)
        order, fault = signed.message, self._fault(signed)
        sending = sha256(payload).hexdigest() if fault else f"{order.id} {order.nonce}"
        if sending in self._turned_down or (fault is None and order.id in self._taken):
            return []
        outcome, why = ("refused", fault) if fault else self._judge(order, now)
        if outcome != "received":
            return self._turn_down(order, sending, outcome, why, now)
        self._taken = [*self._taken, order.id][-MAX_ORDERS:]
        record = self._answer_to(order, outcome, why, now)
        kept: list[Effect] = [Keep(record), Save(TAKEN, msgspec.to_builtins(_Taken(self._taken)))]
        if order.what in UNATTENDED:
            return kept
        self._picture.order = order.id
        return [*kept, Signal("order_received")]

    def _turn_down(
        self, order: OrderMessage, sending: str, outcome: OrderOutcome, why: str | None, now: Now
    ) -> list[Effect]:
        """Remembered apart from what was taken: no flood of bad orders makes a good one count twice."""
        self._turned_down = [*self._turned_down, sending][-MAX_ORDERS:]
        return [Keep(self._answer_to(order, outcome, why, now))] if self._may_record(now) else []

    def _answer_to(
        self, order: OrderMessage, outcome: OrderOutcome, why: str | None, now: Now
    ) -> Order:
        record = self._scribe.write(
            Order,
            now.up_ms,
            id=order.id,
            outcome=outcome,
            what=order.what,
            why=why,
            text=order.text if outcome == "received" else None,
        )
        self._urgent.add(record)
        return record

    def _may_record(self, now: Now) -> bool:
        may = self._refusals.admit(now.up_ms)
        line = f"{RECORDS_AN_HOUR} orders or configurations refused within an hour, no more are recorded"
        self._picture.alarm("refusals", None if may else line)
        return may

    def _judge(self, order: OrderMessage, now: Now) -> tuple[OrderOutcome, str | None]:
        if order.unit != self._unit:
            return "refused", f"it is for unit {order.unit}"
        if order.nonce != self.nonce:
            return "refused", "its nonce is not that of the unit's latest hello"
        if self._timekeeper.utc_ms(now) >= order.expires_ms:
            return "expired", None
        return "received", None

    def acknowledge_order(self, now: Now) -> list[Effect]:
        """Somebody at the box pressed the acknowledge button."""
        order, self._picture.order = self._picture.order, None
        if order is None:
            return []
        record = self._scribe.write(Order, now.up_ms, id=order, outcome="acknowledged", why=None)
        self._urgent.add(record)
        return [Keep(record)]
