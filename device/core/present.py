"""What the running unit says of itself to a technician at the box: its live picture, and how its way out stands."""

from msgspec import Struct

from wire.live import State


class Way(Struct, frozen=True, omit_defaults=True):
    """The way out; times are CLOCK_BOOTTIME.

    `broker`: the one that is connected, None: none is, and `why`; `since_ms`: since when that is so. `gateway`: it
    listens there. `heard_ms`: when it last answered for a log.
    """

    broker: str | None = None
    since_ms: int | None = None
    why: str | None = None
    gateway: bool = False
    heard_ms: int | None = None


class Present(Struct, frozen=True):
    """How the unit was at `up_ms` (CLOCK_BOOTTIME). `state`: as the gateway is told it, without the alarms that the
    box must not show. `clock_err_ms`: of the state's time, None where that is not known."""

    up_ms: int
    clock_err_ms: int | None
    way: Way
    state: State
