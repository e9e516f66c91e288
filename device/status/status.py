"""What is found out about a unit, as values. What could not be found out is None, and `troubles` say why."""

from msgspec import Struct

from device.core.clock import TRUSTED
from device.core.present import Present
from device.status.systemd import ServiceSaid
from hardware.board.readings import BoardReading
from hardware.modem.meaning import ModemReading
from wire.live import ModemHealth
from wire.records import ClockSource
from wire.words import Words


class PartSaid(Struct, frozen=True):
    """A part: its own `word`, and `heard_s` seconds since its last sign of life, where the unit runs.

    `port`: where it is plugged in, None for what has no port of its own; `there`: whether that is there.
    """

    name: str
    word: str | None = None
    heard_s: int | None = None
    port: str | None = None
    there: bool | None = None

    @property
    def well(self) -> bool:
        """Whether nothing is wrong with it, as far as that is known."""
        return self.word in (None, "ok") and self.there is not False


class ClockSaid(Struct, frozen=True):
    """The time by `source`, None where the unit does not know it, and within what; `system_ms`: the system's own.

    `steered`: by NTP. `behind_ms`: how far the system's time is before the newest that was ever kept: TLS may fail.
    """

    source: ClockSource
    at_ms: int | None
    err_ms: int | None
    system_ms: int
    steered: bool
    behind_ms: int

    @property
    def well(self) -> bool:
        """Whether records bear a time that can be trusted, and TLS works."""
        return self.at_ms is not None and self.source in TRUSTED and not self.behind_ms


class Queue(Struct, frozen=True):
    """What the gateway does not have yet: records by stream, and photos; `oldest_ms`: UTC of the oldest record."""

    event: int
    track: int
    photos: int
    oldest_ms: int | None


class PapersSaid(Struct, frozen=True):
    """The certificate: whose, of which key, its end, and from when on the unit renews it by itself (UTC ms)."""

    unit: str
    kid: str
    to_ms: int
    renews_ms: int


class Software(Struct, frozen=True):
    """What runs, and what the slots hold; `slot` None: this is no slot. `trial`: the slot on trial, and its starts so
    far. `release_key`: whether the unit can tell a release from a forged one."""

    version: str
    slot: str | None
    other: str | None
    trial: str | None
    starts: int
    release_key: bool


class Row(Struct, frozen=True):
    """A record in plain words; `at_ms` None: when is not known."""

    at_ms: int | None
    words: Words


class Trouble(Struct, frozen=True):
    """What is wrong, about what, and what to do."""

    about: str
    words: Words


class Status(Struct, frozen=True):
    """All of it, at the system's UTC `at_ms`. `silent_s`: how old the unit's last word is, where it says no more."""

    at_ms: int
    up_ms: int
    zone: str
    unit: str | None
    role: str | None
    service: ServiceSaid | None
    safe_mode: bool
    present: Present | None
    silent_s: float | None
    parts: tuple[PartSaid, ...]
    clock: ClockSaid
    queue: Queue | None
    papers: PapersSaid | None
    configuration: int | None
    software: Software
    board: BoardReading
    modem: ModemReading | ModemHealth | None
    alarms: tuple[str, ...]
    records: tuple[Row, ...]
    troubles: tuple[Trouble, ...]

    @property
    def live(self) -> Present | None:
        """How the unit is now; None where it says nothing any more."""
        return None if self.silent_s else self.present

    @property
    def linked(self) -> bool:
        """Whether the gateway is reached, where the unit runs."""
        return self.live is None or (self.live.way.broker is not None and self.live.way.gateway)

    @property
    def over(self) -> bool:
        """Whether the certificate's time is over."""
        return self.papers is not None and self.at_ms > self.papers.to_ms

    @property
    def well(self) -> bool:
        """Whether the unit is on duty, and nothing is wrong."""
        modem = self.modem is None or self.modem.word == "ok"
        parts = all(part.well for part in self.parts)
        machine = self.clock.well and self.linked and modem and not self.over
        return machine and parts and not self.troubles and not self.alarms
