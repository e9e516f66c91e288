"""When a change of the unit may be made, and whether the unit works after it: asked by updates and patches."""

from device.core.events import Kept
from device.core.moment import Now
from device.core.parts import HEALTHY
from device.core.picture import PRESSING, Picture
from device.core.station import Slots
from device.core.urgent import Urgent
from device.link.delivery import Delivery

PATIENCE = 0.9
"""Of the trial's time, after which the software on trial itself says what it lacks; the guard says nothing."""


class Calm:
    """`slots`: how long a quiet moment lasts, and a trial; None where the unit takes no updates."""

    def __init__(
        self, slots: Slots | None, picture: Picture, urgent: Urgent, delivery: Delivery
    ) -> None:
        self._slots, self._picture = slots, picture
        self._urgent, self._delivery = urgent, delivery
        self._begun_ms: int | None = None
        self._hands_ms: int | None = None
        self._boot: Kept | None = None

    def begun(self, up_ms: int) -> None:
        """This run goes on; the first time counts."""
        self._begun_ms = up_ms if self._begun_ms is None else self._begun_ms

    def hand(self, up_ms: int) -> None:
        """Somebody is at the box."""
        self._hands_ms = up_ms

    def booted(self, boot: Kept) -> None:
        """The record of this run's start stands in the journal."""
        self._boot = boot

    def is_quiet(self, now: Now) -> bool:
        """Since this run began, too: who starts a unit may want to tap."""
        busy = self._picture.order is not None or self._picture.sought or self._urgent.records()
        pressed = any(name in self._picture.alarms for name in PRESSING)
        return not busy and not pressed and self.hands_off(now)

    def hands_off(self, now: Now) -> bool:
        """Whether nobody was at the box for long enough."""
        since_ms = self._begun_ms if self._hands_ms is None else self._hands_ms
        return now.up_ms - (since_ms or 0) >= (self._slots.quiet_ms if self._slots else 0)

    def working(self) -> tuple[str, ...]:
        """The parts that work now."""
        return tuple(name for name, word in self._picture.parts.items() if word in HEALTHY)

    def lacking(self, worked: tuple[str, ...]) -> str | None:
        """Why the unit is not proven: every part that worked must work, the journal must not have come to harm,
        and a record must have arrived. None: it is."""
        parts = {"journal": HEALTHY[0], **self._picture.parts}
        for name in ("journal", *worked):
            if parts.get(name) not in HEALTHY:
                return f"part {name}, which worked before: {parts.get(name, 'no word')}"
        boot = self._boot
        if boot is None or not self._delivery.has_arrived(boot.stream, boot.log, boot.seq):
            return "the gateway was not reached"
        return None

    def is_over(self, now: Now) -> bool:
        """Whether what this run still lacks, it lacks for good."""
        patience_ms = self._slots.trial_ms * PATIENCE if self._slots else 0
        return now.up_ms - (self._begun_ms or 0) > patience_ms
