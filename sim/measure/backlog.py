"""A vehicle's outage, and the delivery of what it recorded: the unit's own desks, journal and performer.

The link carries so many bytes a second, the gateway acknowledges what it has carried, and no time passes
but for that. What is handed to it is kept.
"""

from collections import deque
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from device.core.clock import Anchor, ClockKeeper
from device.core.drive import Drive
from device.core.economy import Economy
from device.core.effects import KeepFix
from device.core.events import Dispatched, Event, Fix
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Lost
from device.journal.journal import Journal
from device.link.delivery import Delivery
from device.link.mqtt import MqttLink
from device.memory import recall
from device.papers import Papers
from device.parts import NoPanel
from device.performer import Performer
from wire.chain import START
from wire.orders import Ack
from wire.records import Dropped

BOOT = "9c1b22f0"


class _Link(MqttLink):
    """Keeps what it is given: topic and payload."""

    def __init__(self, unit: str, papers: Papers) -> None:
        super().__init__(unit, [], lambda event: None, lambda conn: b"", lambda: 0.5, papers)
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, token: int) -> bool:
        self.sent.append((topic, payload))
        return True


def _never(span: Lost) -> Dropped:
    raise ValueError(f"a new journal has a rotten row: {span}")


class Vehicle:
    """A unit with a journal in `folder`. Use `with`."""

    def __init__(self, unit: str, folder: Path, papers: Papers) -> None:
        picture = Picture(unit, "vehicle", BOOT, "bench", Economy())
        self._clock = ClockKeeper(0)
        scribe = Scribe(BOOT, self._clock, picture)
        self._drive = Drive("vehicle", self._clock, scribe, [], Economy())
        self._journal = Journal.open(folder / f"{unit}.db")
        self._log = self._journal.logs("track")[-1].log
        self._link, self._heard = _Link(unit, papers), deque[Event]()
        self._performer = Performer(
            unit,
            self._journal,
            NoPanel(),
            self._link,
            papers,
            self._heard.append,
            lambda again: None,
            _never,
        )

    def __enter__(self) -> "Vehicle":
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def record(self, fixes: Iterable[Fix]) -> int:
        """Drives without a link; returns how many fixes were kept."""
        kept, up_ms = 0, 0
        saw = self._drive.handlers()[Fix]
        for fix in fixes:
            if fix.utc_ms is not None and not up_ms:
                self._clock.learn(Anchor(fix.up_ms, fix.utc_ms, "gnss", 300))
            up_ms = fix.up_ms
            effects = saw(fix, Now(up_ms, 0))
            kept += sum(isinstance(effect, KeepFix) for effect in effects)
            self._performer.perform(effects)
        self._performer.perform(self._drive.close(up_ms))
        self._journal.sync()
        return kept

    def deliver(self, bytes_s: float) -> list[tuple[str, bytes]]:
        """Delivers all of it, by the unit's own batching; returns the messages."""
        delivery, now_ms = self._greeted(), 0
        under_way: deque[Dispatched] = deque()
        while delivery.queue()["track"]:
            self._performer.perform(delivery.due(now_ms))
            if self._heard:
                sent = self._dispatched(delivery, now_ms)
                under_way.append(sent)
                continue
            arrived = under_way.popleft()
            now_ms += round(arrived.size * 1000 / bytes_s)
            self._arrived(delivery, arrived, now_ms)
        return self._link.sent

    def _greeted(self) -> Delivery:
        """A fresh connection to a gateway that has nothing of it."""
        heads, numbers = recall(self._journal, "clean").heads, count(1)
        delivery = Delivery(heads, self._journal, lambda: 0.5, lambda: next(numbers))
        delivery.connected(0)
        delivery.acknowledged("track", Ack(1, self._log, 1, START.hex(), "bench", 0))
        return delivery

    def _dispatched(self, delivery: Delivery, now_ms: int) -> Dispatched:
        sent = self._heard.popleft()
        assert isinstance(sent, Dispatched)
        delivery.dispatched(sent.token, sent.last, sent.first, sent.size, now_ms)
        return sent

    def _arrived(self, delivery: Delivery, batch: Dispatched, now_ms: int) -> None:
        """The broker has it, and so has the gateway."""
        assert batch.last is not None
        delivery.taken(batch.token, now_ms)
        h = self._journal.chain_at("track", self._log, batch.last)
        assert h is not None
        ack = Ack(1, self._log, batch.last + 1, h.hex(), "bench", 0)
        delivery.acknowledged("track", ack)
