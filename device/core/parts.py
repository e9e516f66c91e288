"""The desk of parts: what each says of itself, and an alarm when one is not well. It hears first."""

from collections.abc import Mapping

from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Light, Signal
from device.core.events import Fix, PartSpoke
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from wire.records import Alarm

HEALTHY = ("ok", "no fix")
"""Words of a part that are no reason for an alarm."""


class Parts(Desk):
    """Tells the picture, and keeps each change between well and broken."""

    def __init__(self, scribe: Scribe, picture: Picture) -> None:
        self._scribe, self._picture = scribe, picture

    def handlers(self) -> Mapping[type, Handler]:
        return {PartSpoke: self._spoke, Fix: self._fix}

    def _spoke(self, spoke: PartSpoke, now: Now) -> list[Effect]:
        broken = spoke.word not in HEALTHY
        line = f"{spoke.part} {spoke.word}" if broken else None
        self._picture.part(spoke.part, spoke.word)
        if not self._picture.alarm(f"part {spoke.part}", line):
            return []
        alarm = self._scribe.write(
            Alarm, now.up_ms, alarm="part", what=spoke.word[:500], part=spoke.part, active=broken
        )
        sound = [Signal("part_broken")] if broken else []
        return [Keep(alarm), *sound, Light(self._picture.troubled)]

    def _fix(self, fix: Fix, now: Now) -> list[Effect]:
        del now
        self._picture.saw(fix)
        return []
