"""Who may check in, and whether a tap is a new one: the roster and the repeat filter."""

from msgspec import Struct

from device.core.effects import Pattern
from wire.orders import Badge, UnitConfig
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


class Verdict(Struct, frozen=True):
    """What a badge is worth: `person` None where the roster does not know it."""

    person: str | None
    result: Result


class Roster:
    """The badges of one configuration. Without a configuration every badge is unknown."""

    def __init__(self, config: UnitConfig | None) -> None:
        self._badges: dict[str, Badge] = {b.uid: b for b in config.badges} if config else {}

    def judge(self, uid: str, at_ms: int | None) -> Verdict:
        """Judges a badge at UTC `at_ms`; None (no clock) passes it, and the gateway judges again."""
        badge = self._badges.get(uid)
        if badge is None:
            return Verdict(None, "unknown")
        if badge.revoked:
            return Verdict(badge.person, "revoked")
        return Verdict(badge.person, "accepted" if _valid(badge, at_ms) else "expired")


def _valid(badge: Badge, at_ms: int | None) -> bool:
    if at_ms is None:
        return True
    begun = badge.valid_from_ms is None or at_ms >= badge.valid_from_ms
    return begun and (badge.valid_to_ms is None or at_ms < badge.valid_to_ms)


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
