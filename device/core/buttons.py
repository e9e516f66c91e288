"""Buttons with bouncing contacts: what was pressed, what is being held. Time is given, never read."""

from msgspec import Struct

BOUNCE_MS = 30


class _Contact(Struct):
    """`down_ms`: since when the button is down, None: it is up. `opened_ms`: since when the contact is open."""

    down_ms: int | None = None
    opened_ms: int | None = None
    told: frozenset[int] = frozenset()


class Buttons:
    """A press counts at its first contact; a contact that opens for less than 30 ms was bouncing."""

    def __init__(self) -> None:
        self._contacts: dict[str, _Contact] = {}

    def moved(self, name: str, pressed: bool, up_ms: int) -> bool:
        """A contact closed or opened. True if that is a new press."""
        contact = self._settled(name, up_ms)
        if not pressed:
            contact.opened_ms = up_ms
            return False
        contact.opened_ms = None
        if contact.down_ms is not None:
            return False
        contact.down_ms, contact.told = up_ms, frozenset()
        return True

    def held(self, name: str, for_ms: int, up_ms: int) -> bool:
        """True once per press and `for_ms`, when `name` has been down for that long."""
        contact = self._settled(name, up_ms)
        if contact.down_ms is None or for_ms in contact.told:
            return False
        until_ms = up_ms if contact.opened_ms is None else contact.opened_ms
        if until_ms - contact.down_ms < for_ms:
            return False
        contact.told |= {for_ms}
        return True

    def _settled(self, name: str, up_ms: int) -> _Contact:
        contact = self._contacts.setdefault(name, _Contact())
        if contact.opened_ms is not None and up_ms - contact.opened_ms >= BOUNCE_MS:
            contact.down_ms = None
        return contact
