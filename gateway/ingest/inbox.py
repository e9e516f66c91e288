"""Where the brokers' threads put messages, and the worker takes a group of them at a time. Bounded.

Tracks stand in a lane of their own, photos and what is asked of releases in another, and the lanes take turns:
an event never waits behind a backlog of positions or pictures, its unit's own or another's. Streams are
independent, so that nothing is reordered by it. In each lane the units take turns, one message each: who sends
a thousand times as much as others, as a stolen box may, holds up nobody but himself.
"""

import threading
from collections import Counter, deque

from gateway.ingest.intake import Message

ROOM = 20_000
"""Messages that may wait; then a broker's thread is held, and TCP and the broker hold back."""

GROUP = 2_000
LIGHT_WEIGHT = 128 * 1024
"""What a group of tracks or photos may weigh in bytes: an event that comes meanwhile waits for it."""

ROOM_BYTES = 64 * 1024 * 1024
"""Of one lane, whatever its messages' number: each may have 256 KiB, and a stolen box fills them."""

PHOTO_ROOM = 256
"""Chunks that may wait; they are large."""

SHARE, SHARE_BYTES = 5_000, 16 * 1024 * 1024
"""What may wait of one unit in a lane. Beyond it a message is passed over: whoever waits for his
acknowledgements, as units do, has never so much under way, and sends it again if he has."""

INFLATED = 4
"""A compressed payload weighs so many times its size: about what it grows to."""


class _Pile(deque[Message]):
    """What waits of one unit, in the order in which it came."""

    weight = 0


class _Lane:
    """Messages of one kind: each unit's in the order in which they came, the units in turn."""

    def __init__(self, room: int) -> None:
        self._piles: dict[str, _Pile] = {}
        self._room, self._count, self._bytes = room, 0, 0

    def __len__(self) -> int:
        return self._count

    def has_room(self) -> bool:
        return self._count < self._room and self._bytes < ROOM_BYTES

    def append(self, unit: str, message: Message) -> bool:
        """False where the unit has its share waiting."""
        pile = self._piles.get(unit)
        if pile is None:
            pile = self._piles[unit] = _Pile()
        elif len(pile) >= SHARE or pile.weight >= SHARE_BYTES:
            return False
        pile.append(message)
        self._weigh(pile, 1, len(message.payload))
        return True

    def popleft(self) -> Message:
        unit = next(iter(self._piles))
        pile = self._piles.pop(unit)
        message = pile.popleft()
        self._weigh(pile, -1, -len(message.payload))
        if pile:
            self._piles[unit] = pile
        return message

    def _weigh(self, pile: _Pile, count: int, size: int) -> None:
        pile.weight += size
        self._count += count
        self._bytes += size


class Inbox:
    """Lanes, bounds, and who waits for whom."""

    def __init__(self) -> None:
        self._first, self._tracks, self._photos = _Lane(ROOM), _Lane(ROOM), _Lane(PHOTO_ROOM)
        self._lanes = (self._first, self._tracks, self._photos)
        self._turn = 0
        self._passed_over: Counter[str] = Counter()
        lock = threading.Lock()
        self._some, self._room = threading.Condition(lock), threading.Condition(lock)

    def put(self, message: Message, wait_s: float) -> bool:
        """Adds `message`, or passes it over; False when there was no room for it within `wait_s`."""
        lane, unit = self._lane(message.topic), _unit(message.topic)
        with self._some:
            if not self._room.wait_for(lane.has_room, wait_s):
                return False
            if lane.append(unit, message):
                self._some.notify()
            else:
                self._passed_over[unit] += 1
        return True

    def passed_over(self) -> Counter[str]:
        """How many messages of which units were passed over since this was asked last."""
        with self._some:
            told, self._passed_over = self._passed_over, Counter()
        return told

    def _lane(self, topic: str) -> _Lane:
        if topic.endswith("/log/track"):
            return self._tracks
        light = "/up/photo/" in topic or "/up/release/" in topic or topic.endswith("/up/report")
        return self._photos if light else self._first

    def take(self, wait_s: float) -> list[Message]:
        """The next group; empty when nothing came within `wait_s`."""
        with self._some:
            if not any(self._lanes):
                self._some.wait(wait_s)
            lane = self._next()
            group = self._some_first() if lane is self._first else _some_of(lane)
            self._room.notify_all()
        return group

    def _next(self) -> _Lane:
        """The lane whose turn it is, or the next one after it that has something."""
        for _ in self._lanes:
            lane = self._lanes[self._turn]
            self._turn = (self._turn + 1) % len(self._lanes)
            if lane:
                return lane
        return self._first

    def _some_first(self) -> list[Message]:
        return [self._first.popleft() for _ in range(min(GROUP, len(self._first)))]


def _some_of(lane: _Lane) -> list[Message]:
    group: list[Message] = []
    weight = 0
    while lane and len(group) < GROUP and weight < LIGHT_WEIGHT:
        message = lane.popleft()
        weight += _weight(message)
        group.append(message)
    return group


def _unit(topic: str) -> str:
    """Of `<root>/<version>/<unit>/…`; of any other topic, all of it."""
    parts = topic.split("/", 3)
    return parts[2] if len(parts) == 4 else topic


def _weight(message: Message) -> int:
    plain = message.payload[:1] == b"{" or not message.topic.endswith("/track")
    return len(message.payload) if plain else len(message.payload) * INFLATED
