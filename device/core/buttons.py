"""Buttons with bouncing contacts: what was pressed, what is being held. Time is given, never read."""

BOUNCE_MS = 30
SOS_HOLD_MS = 1_500


class Buttons:
    """A press counts once its contact has been quiet before it; SOS once it was held."""

    def __init__(self) -> None:
        self._since_ms: dict[str, int] = {}
        self._changed_ms: dict[str, int] = {}
        self._fired: set[str] = set()

    def moved(self, name: str, pressed: bool, up_ms: int) -> str | None:
        """A contact closed or opened. The button's name if that is a press, else None."""
        bouncing = up_ms - self._changed_ms.get(name, -BOUNCE_MS) < BOUNCE_MS
        self._changed_ms[name] = up_ms
        if not pressed:
            self._since_ms.pop(name, None)
            self._fired.discard(name)
            return None
        self._since_ms.setdefault(name, up_ms)
        return None if bouncing else name

    def held(self, name: str, up_ms: int) -> bool:
        """True once per press, when `name` has been down for long enough to be meant."""
        since_ms = self._since_ms.get(name)
        if since_ms is None or name in self._fired or up_ms - since_ms < SOS_HOLD_MS:
            return False
        self._fired.add(name)
        return True
