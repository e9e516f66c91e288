"""Where all threads put what happened; the runner alone takes it out. Taps and buttons go first."""

import threading
from collections import deque

from device.core.events import ButtonMoved, CardShown, Event

URGENT = (CardShown, ButtonMoved)


class Inbox:
    """A queue with a fast lane, for what a person is waiting at."""

    def __init__(self) -> None:
        self._urgent: deque[Event] = deque()
        self._others: deque[Event] = deque()
        self._some = threading.Condition()

    def put(self, event: Event) -> None:
        """Any thread may call it; never blocks for longer than a moment."""
        lane = self._urgent if isinstance(event, URGENT) else self._others
        with self._some:
            lane.append(event)
            self._some.notify()

    def take(self, wait_s: float) -> Event | None:
        """The next event; None when none has come within `wait_s`."""
        with self._some:
            if not self._urgent and not self._others:
                self._some.wait(wait_s)
            for lane in (self._urgent, self._others):
                if lane:
                    return lane.popleft()
        return None
