"""What a technician reads in the unit's log: parts and link, a line for each change, never one per record."""

import logging

from device.core import events as ev

log = logging.getLogger("xunkong.device")


class News:
    """Remembers what was said last, so that a broker that stays away is not told of every time."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def tell(self, event: ev.Event) -> None:
        """Logs `event` if it is news."""
        match event:
            case ev.LinkUp(_, broker):
                self._say("link", f"connected to broker {broker}")
            case ev.LinkDown(_, why):
                self._say("link", f"no broker: {why}; tried again, records stay on the unit")
            case ev.PartSpoke(part, word):
                self._say(part, f"{part}: {word}")

    def _say(self, about: str, line: str) -> None:
        if self._said.get(about) != line:
            self._said[about] = line
            log.info("%s", line)
