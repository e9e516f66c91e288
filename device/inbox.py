"""Where all threads put what happened; the runner alone takes it out. Taps and buttons go first."""

import threading
from collections import deque

from device.core.events import ButtonMoved, CardShown, Event, Heard

URGENT = (CardShown, ButtonMoved)
HEARD_BYTES = 4 * 1024 * 1024
"""Of messages from the broker that may wait. Further ones are passed over, as the broker might have lost them."""

EACH_BYTES = 512
"""What a message takes in memory beside its payload."""


class Inbox:
    """A queue with a fast lane, for what a person is waiting at."""

    def __init__(self) -> None:
        self._urgent: deque[Event] = deque()
        self._others: deque[Event] = deque()
        self._heard_bytes = 0
        self._some = threading.Condition()

    def put(self, event: Event) -> None:
        """Any thread may call it; never blocks for longer than a moment."""
        lane = self._urgent if isinstance(event, URGENT) else self._others
        with self._some:
            if isinstance(event, Heard) and self._heard_bytes > HEARD_BYTES:
                return
            self._heard_bytes += _size(event)
            lane.append(event)
            self._some.notify()

    def take(self, wait_s: float) -> Event | None:
        """The next event; None when none has come within `wait_s`."""
        with self._some:
            if not self._urgent and not self._others:
                self._some.wait(wait_s)
            for lane in (self._urgent, self._others):
                if lane:
                    event = lane.popleft()
                    self._heard_bytes -= _size(event)
                    return event
        return None

    def moves(self) -> list[ButtonMoved]:
        """All that hands did and nobody took yet, in its order."""
        with self._some:
            found = [event for event in self._urgent if isinstance(event, ButtonMoved)]
            if found:
                others = (event for event in self._urgent if not isinstance(event, ButtonMoved))
                self._urgent = deque(others)
        return found


def _size(event: Event) -> int:
    return len(event.payload) + EACH_BYTES if isinstance(event, Heard) else 0
