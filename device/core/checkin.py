"""Whether a tap is a new one, and how each verdict sounds."""

from device.core.effects import Pattern
from wire.records import Result

SOUNDS: dict[Result, Pattern] = {
    "accepted": "accepted",
    "unknown": "unknown",
    "revoked": "refused",
    "expired": "refused",
    "weak": "refused",
    "forged": "refused",
    "replayed": "refused",
}


class Repeats:
    """Remembers taps for a while: the same badge again is the same check-in.

    The time counts from the tap that was recorded, so that a badge held to the box for an hour is
    recorded again and again, not once.
    """

    def __init__(self) -> None:
        self._tapped: dict[str, tuple[int, Result]] = {}

    def again(self, uid: str, up_ms: int, repeat_s: float) -> Result | None:
        """The result of this badge's recorded tap within `repeat_s`, or None: this is a new one."""
        window_ms = repeat_s * 1000
        self._tapped = {u: t for u, t in self._tapped.items() if up_ms - t[0] < window_ms}
        tapped = self._tapped.get(uid)
        return tapped[1] if tapped else None

    def remember(self, uid: str, up_ms: int, result: Result) -> None:
        """This tap is being recorded."""
        self._tapped[uid] = (up_ms, result)

    def forget(self, uid: str) -> None:
        """It could not be recorded after all: the next tap is a new one."""
        self._tapped.pop(uid, None)
