"""Where the brokers' threads put messages, and the worker takes a group of them at a time. Bounded.

Tracks and photos stand in lanes of their own, and the lanes take turns: an event never waits behind a
backlog of positions or pictures, its unit's own or another's. Streams are independent, so that nothing is
reordered by it.
"""

import threading
from collections import deque

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

INFLATED = 4
"""A compressed payload weighs so many times its size: about what it grows to."""


class _Lane:
    """Messages of one kind, in the order in which they came."""

    def __init__(self, room: int) -> None:
        self._messages: deque[Message] = deque()
        self._room, self._bytes = room, 0

    def __len__(self) -> int:
        return len(self._messages)

    def has_room(self) -> bool:
        return len(self._messages) < self._room and self._bytes < ROOM_BYTES

    def append(self, message: Message) -> None:
        self._bytes += len(message.payload)
        self._messages.append(message)

    def popleft(self) -> Message:
        message = self._messages.popleft()
        self._bytes -= len(message.payload)
        return message


class Inbox:
    """Messages in the order in which they came."""

    def __init__(self) -> None:
        self._first, self._tracks, self._photos = _Lane(ROOM), _Lane(ROOM), _Lane(PHOTO_ROOM)
        self._lanes = (self._first, self._tracks, self._photos)
        self._turn = 0
        lock = threading.Lock()
        self._some, self._room = threading.Condition(lock), threading.Condition(lock)

    def put(self, message: Message, wait_s: float) -> bool:
        """Adds `message`; False when there was no room for it within `wait_s`."""
        lane = self._lane(message.topic)
        with self._some:
            if not self._room.wait_for(lane.has_room, wait_s):
                return False
            lane.append(message)
            self._some.notify()
        return True

    def _lane(self, topic: str) -> _Lane:
        if topic.endswith("/log/track"):
            return self._tracks
        return self._photos if "/up/photo/" in topic else self._first

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


def _weight(message: Message) -> int:
    plain = message.payload[:1] == b"{" or not message.topic.endswith("/track")
    return len(message.payload) if plain else len(message.payload) * INFLATED
