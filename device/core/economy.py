"""What is sent less of as the SIM's cap nears: photos first, then positions, events never. Pure.

Thinned positions are positions that are not recorded in the first place, or not told live; nothing
that was recorded is removed. It ends when the plan's month turns.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from wire.orders import Sampling

Saving = Literal["photos", "positions"]

URGENT: frozenset[str] = frozenset(("sos", "order"))
"""Reasons of photos that somebody waits for: they go before others, and are never held back."""

THIN_MOVING_S, THIN_REST_S = 5.0, 300.0
THIN_POS = 10
"""A live position goes out this many times more seldom."""


class Plan(Struct, frozen=True):
    """A SIM's plan: `cap_bytes` a month; shares of it in percent from which less is sent."""

    cap_bytes: int
    no_photos_pct: float = 80.0
    thin_pct: float = 95.0

    def saving(self, used_bytes: int) -> Saving | None:
        """What is held back now that `used_bytes` are spent; None: nothing."""
        pct = 100 * used_bytes / self.cap_bytes
        if pct >= self.thin_pct:
            return "positions"
        return "photos" if pct >= self.no_photos_pct else None


class Economy:
    """What holds at the moment, for those who send."""

    def __init__(self) -> None:
        self.saving: Saving | None = None

    def photos(self, urgent: bool) -> bool:
        """Whether a photo may go out; it stays on the unit until then."""
        return urgent or self.saving is None

    def sampling(self, wanted: Sampling) -> Sampling:
        """How densely positions are recorded: corners stay, the pace is slower."""
        if self.saving != "positions":
            return wanted
        moving_s, rest_s = max(wanted.moving_s, THIN_MOVING_S), max(wanted.rest_s, THIN_REST_S)
        return replace(wanted, moving_s=moving_s, rest_s=rest_s)

    def pos_every_ms(self, wanted_ms: int, pressing: bool) -> int:
        """How often the live position goes out; `pressing`: under an order or an SOS it is not thinned."""
        return wanted_ms * THIN_POS if self.saving == "positions" and not pressing else wanted_ms
