"""The time as the core is told it: monotonic and wall clock side by side, never mixed."""

from msgspec import Struct


class Now(Struct, frozen=True):
    """`up_ms`: CLOCK_BOOTTIME. `wall_ms`: the system's UTC, which may be wrong by years."""

    up_ms: int
    wall_ms: int
