"""Listens to a unit's parts, and waits for what they should say."""

import queue
import time
from collections.abc import Callable

from device.core.events import Event


class Ears:
    """Parts `put` events from their threads; the self-test waits for them in its own."""

    def __init__(self, waiting: Callable[[float, float], None] = lambda left_s, of_s: None) -> None:
        self._queue: queue.Queue[Event] = queue.Queue()
        self._waiting = waiting
        self.heard: list[Event] = []

    def put(self, event: Event) -> None:
        self._queue.put(event)

    def wait(self, wanted: Callable[[Event], bool], for_s: float) -> Event | None:
        """The first event from now on that is `wanted`, or None after `for_s` seconds."""
        until_s = time.monotonic() + for_s
        while (left_s := until_s - time.monotonic()) > 0:
            self._waiting(left_s, for_s)
            event = self._next(min(left_s, 0.2))
            if event is not None:
                self.heard.append(event)
                if wanted(event):
                    return event
        return None

    def _next(self, wait_s: float) -> Event | None:
        try:
            return self._queue.get(timeout=wait_s)
        except queue.Empty:
            return None
