"""Where the brokers' threads put messages, and the worker takes a group of them at a time. Bounded.

Tracks stand in a lane of their own, and the lanes take turns: an event never waits behind a backlog of
positions, its unit's own or another's. Streams are independent, so that nothing is reordered by it.
"""

import threading
from collections import deque

from gateway.ingest.intake import Message

ROOM = 20_000
"""Messages that may wait; then a broker's thread is held, and TCP and the broker hold back."""

GROUP = 2_000
TRACKS_WEIGHT = 128 * 1024
"""What the tracks of a group may weigh in bytes: an event that comes meanwhile waits for their commit."""

INFLATED = 8
"""A compressed payload weighs so many times its size: about what it grows to."""


class Inbox:
    """Messages in the order in which they came."""

    def __init__(self) -> None:
        self._first: deque[Message] = deque()
        self._tracks: deque[Message] = deque()
        self._tracks_turn = False
        lock = threading.Lock()
        self._some, self._room = threading.Condition(lock), threading.Condition(lock)

    def put(self, message: Message, wait_s: float) -> bool:
        """Adds `message`; False when there was no room for it within `wait_s`."""
        lane = self._tracks if message.topic.endswith("/log/track") else self._first
        with self._some:
            if not self._room.wait_for(lambda: len(lane) < ROOM, wait_s):
                return False
            lane.append(message)
            self._some.notify()
        return True

    def take(self, wait_s: float) -> list[Message]:
        """The next group; empty when nothing came within `wait_s`."""
        with self._some:
            if not self._first and not self._tracks:
                self._some.wait(wait_s)
            tracks = bool(self._tracks) and (self._tracks_turn or not self._first)
            self._tracks_turn = not tracks
            group = self._some_tracks() if tracks else self._some_first()
            self._room.notify_all()
        return group

    def _some_first(self) -> list[Message]:
        return [self._first.popleft() for _ in range(min(GROUP, len(self._first)))]

    def _some_tracks(self) -> list[Message]:
        group: list[Message] = []
        weight = 0
        while self._tracks and len(group) < GROUP and weight < TRACKS_WEIGHT:
            message = self._tracks.popleft()
            weight += _weight(message.payload)
            group.append(message)
        return group


def _weight(payload: bytes) -> int:
    return len(payload) if payload[:1] == b"{" else len(payload) * INFLATED
