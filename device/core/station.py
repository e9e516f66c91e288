"""What a unit is and holds when its agent starts: identity, settings, and what the journal remembers."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from device.link.delivery import Chain, Head
from wire.chain import Signer, Verifier
from wire.live import Role
from wire.orders import ConfigMessage
from wire.records import Checkin, StopReason
from wire.track import TrackFix


class Identity(Struct, frozen=True):
    """Who the unit is in this run: its name, its role, the kernel's boot id, the software's version."""

    unit: str
    role: Role
    boot: str
    version: str


class Lost(Struct, frozen=True):
    """A span of a log that the journal found unreadable when it was opened."""

    stream: Literal["event", "track"]
    log: str
    first: int
    last: int
    h_last: bytes | None


class Memory(Struct, frozen=True):
    """What the journal remembers of the runs before. `open_boot`: the boot of `open_fixes`, None: unknown."""

    heads: Sequence[Head]
    chain: Chain
    last_stop: StopReason
    config: ConfigMessage | None = None
    crew: tuple[str, ...] = ()
    open_fixes: tuple[TrackFix, ...] = ()
    open_boot: str | None = None
    recent: tuple[Checkin, ...] = ()
    lost: tuple[Lost, ...] = ()


class Means(Struct, frozen=True):
    """What the core cannot make itself: chance, keys, and the date below which no clock is believed."""

    jitter: Callable[[], float]
    nonce: Callable[[], str]
    signer: Signer
    verifier: Verifier
    floor_ms: int
