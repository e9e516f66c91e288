"""What a unit is and holds when its agent starts: identity, settings, and what the journal remembers."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct

from device.core.economy import Plan
from device.core.kept_time import KeptTime
from device.link.delivery import Chain, Head
from wire.cards.ring import KeyRing
from wire.certificates import Certificate
from wire.chain import Signer, Verifier
from wire.live import Role
from wire.orders import ConfigMessage
from wire.records import Checkin, Crew, Ref, StopReason
from wire.track import TrackFix
from wire.words import Fault

T = TypeVar("T")
log = logging.getLogger("xunkong.device")


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


class Notes:
    """What desks saved (the `Save` effect) in runs before; `read` what is kept under a name, or None.

    `damaged`: the names that were recalled and could not be read.
    """

    def __init__(self, read: Callable[[str], Any] = lambda name: None) -> None:
        self._read = read
        self.damaged: list[str] = []

    def recall(self, name: str, kind: type[T]) -> T | None:
        """The setting `name`; None where there is none, or where it is not what was written."""
        try:
            held = self._read(name)
            return None if held is None else msgspec.convert(held, kind)
        except msgspec.DecodeError as exc:  # no JSON any more, or another shape
            log.error("setting %r in the journal is damaged (%s); going on without it", name, exc)
            if name not in self.damaged:
                self.damaged.append(name)
            return None


class Memory(Struct, frozen=True):
    """What the journal remembers of the runs before. `open_boot`: the boot of `open_fixes`, None: unknown.

    `taps`: the newest check-ins and sign-ons in this journal's log, oldest first, each as what it stands.
    `photo_stands(sha256)`: whether a record of this photo stands in the journal.
    `kept_time`: the last time that was written down, None if none ever was.
    """

    heads: Sequence[Head]
    chain: Chain
    last_stop: StopReason
    config: ConfigMessage | None = None
    open_fixes: tuple[TrackFix, ...] = ()
    open_boot: str | None = None
    recent: tuple[Checkin | Crew, ...] = ()
    taps: tuple[tuple[Ref, Checkin | Crew], ...] = ()
    photo_stands: Callable[[str], bool] = lambda digest: False
    lost: tuple[Lost, ...] = ()
    notes: Notes = Notes()
    kept_time: KeptTime | None = None


class Cards(Protocol):
    """The ciphers of cards; both raise `Fault` for what does not hold."""

    def open(self, sealed: str) -> KeyRing:
        """The keys that were sealed to this unit."""

    def counter(self, keys: KeyRing, uid: str, sun: str) -> int | None:
        """The read counter that `sun` proves of card `uid`; None where it is no SUN message."""


class NoCards:
    """A unit that was given no key of its own: what is sealed stays so."""

    def open(self, sealed: str) -> KeyRing:
        """Nothing can be opened."""
        del sealed
        raise Fault("本单元没有自己的密钥", "this unit has no key of its own")

    def counter(self, keys: KeyRing, uid: str, sun: str) -> int | None:
        """Nothing can be checked."""
        raise Fault(f"没有卡 {uid} 的密钥", f"there is no key of card {uid}")


class Trust(Verifier, Protocol):
    """Whose signatures the unit believes."""

    def admit(self, text: str) -> bool:
        """Takes the gateway's certificate (DER, base64); True if it is new, and to be kept.

        Raises `BadPayload` for one that is not to be believed.
        """


class Ignition(Struct, frozen=True):
    """Off for `hold_ms`, the unit takes its leave; after at most `farewell_ms` more it powers off."""

    hold_ms: int
    farewell_ms: int


class Slots(Struct, frozen=True):
    """The slot this software runs from, of two; its machine, as releases name it; and what an update may take:
    `share` (0 to 1) of the link, `quiet_ms` without a hand at the box, and `trial_ms` to prove itself."""

    own: str
    machine: str
    share: float = 0.25
    quiet_ms: int = 60_000
    trial_ms: int = 600_000


class Budgets(Struct, frozen=True):
    """What may be written to the medium a day, and sent by the SIM a month, in the site's `zone`."""

    sd_bytes_day: int | None = None
    plan: Plan | None = None
    month_day: int = 1
    zone: tzinfo = UTC


class Means(Struct, frozen=True):
    """What the core cannot make itself: chance, keys, the date below which no clock is believed.

    `introduction()`: the unit's certificate (DER, base64) and the public key that secrets are sealed to
    (hex), for its greeting; None where it has none. `certificate()`: the one in use, None likewise.
    `ignition`: None where no wire tells of it. `camera`: whether photos can be taken.
    `photo_share` (0 to 1): what photos may take of the link.
    `slots`: None where the unit takes no updates.
    `feed_clock`: the receiver's time is to be handed to the system's clock daemon.
    """

    jitter: Callable[[], float]
    nonce: Callable[[], str]
    signer: Signer
    verifier: Trust
    introduction: Callable[[], tuple[str | None, str | None]]
    floor_ms: int
    ignition: Ignition | None = None
    camera: bool = False
    photo_share: float = 0.5
    feed_clock: bool = False
    cards: Cards = NoCards()
    budgets: Budgets = Budgets()
    slots: Slots | None = None
    certificate: Callable[[], Certificate | None] = lambda: None
