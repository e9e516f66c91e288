"""A desk: one concern of the unit, which hears of some kinds of event and says what is to be done."""

from collections.abc import Callable, Mapping
from typing import Any

from device.core.effects import Effect
from device.core.moment import Now
from device.core.station import Memory
from wire.orders import UnitConfig

Handler = Callable[[Any, Now], list[Effect]]


class Desk:
    """What every desk offers; each overrides what it needs. The agent asks them in a fixed order."""

    def handlers(self) -> Mapping[type, Handler]:
        """Which kinds of event this desk wants to hear of."""
        return {}

    def recall(self, memory: Memory) -> None:
        """The unit starts: what is remembered of the runs before."""

    def configure(self, config: UnitConfig) -> None:
        """Another configuration is in force."""

    def due(self, now: Now) -> list[Effect]:
        """What is to be done because of the time alone; asked after every event."""
        del now
        return []
