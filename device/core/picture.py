"""The live picture: what `up/state` and `up/pos` say, and when they are due."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from device.core.economy import Economy
from device.core.events import Fix
from wire.live import Health, LiveFix, Pos, Role, State
from wire.records import AnyRecord, ClockSource

STATE_EVERY_MS = 30_000
STATE_MIN_MS = 300
"""Changes within this are told together."""

POS_MOVING_MS = 1_000
POS_REST_MS = 10_000
FIX_FRESH_MS = 30_000
"""An older fix is no position of now, and is left out."""

PRESSING = ("sos", "duress")
"""Alarms under which the position goes out as often as it can."""

SILENT = ("duress",)
"""Alarms of which the box itself must show nothing."""

LINE, MAX_CREW, MAX_ALARMS = 500, 64, 32
"""What `wire.live.State` allows: beyond it the gateway would refuse the whole picture."""


class Picture:
    """Gathers what is known of the unit now; a newer state takes the place of a waiting one."""

    def __init__(self, unit: str, role: Role, boot: str, version: str, economy: Economy) -> None:
        self._unit, self._role, self._boot, self._version = unit, role, boot, version
        self._economy = economy
        self.conn = 0
        self.machine: str | None = None
        self.patches: str | None = None
        self.config: int | None = None
        self.order: str | None = None
        self.sought = False
        self.crew: list[str] = []
        self._fix: Fix | None = None
        self._parts: dict[str, str] = {}
        self._alarms: dict[str, str] = {}
        self._health = Health()
        self._heard_ms: dict[str, int] = {}
        self._broker = ""
        self._photos: int | None = None
        self._changed = False
        self._state_ms: int | None = None
        self._pos_ms: int | None = None

    @property
    def alarms(self) -> Mapping[str, str]:
        """What is wrong now: a name each, and a line for people."""
        return self._alarms

    @property
    def parts(self) -> Mapping[str, str]:
        """Each part's last word of itself."""
        return self._parts

    @property
    def troubled(self) -> bool:
        """Whether the red light shall be on."""
        return any(name not in SILENT for name in self._alarms)

    def connected(self, conn: int, broker: str) -> None:
        """A fresh connection: the whole picture is due."""
        self.conn, self._broker = conn, broker
        self._state_ms = self._pos_ms = None

    def photos(self, waiting: int) -> None:
        """How many photos wait for the gateway."""
        self._changed |= self._photos != waiting
        self._photos = waiting

    def touch(self) -> None:
        """Something changed that the picture shows."""
        self._changed = True

    def saw(self, fix: Fix) -> None:
        self._fix = fix

    def part(self, name: str, word: str) -> bool:
        """A part's word of itself. True if that is news."""
        word = word[:LINE]
        news = self._parts.get(name) != word
        self._parts[name] = word
        self._changed |= news
        return news

    def alarm(self, name: str, line: str | None) -> bool:
        """Raises (`line`) or ends (None) an alarm. True if that is news."""
        line = line[:LINE] if line else line
        news = self._alarms.get(name) != line
        if line is None:
            self._alarms.pop(name, None)
        else:
            self._alarms[name] = line
        self._changed |= news
        return news

    def measured(self, health: Health) -> None:
        """The machine and its link, as last looked at."""
        self._health = health

    def heard(self, part: str, up_ms: int) -> None:
        """A part, or the broker, gave a sign of life."""
        self._heard_ms[part] = up_ms

    def latest(self, up_ms: int) -> Fix | None:
        """The newest fix, unless it is too old to be called a position of now."""
        fix = self._fix
        return fix if fix and up_ms - fix.up_ms <= FIX_FRESH_MS else None

    def state_due(self, up_ms: int, pressing: bool = False) -> bool:
        """Whether `state` should go out now, `pressing` in any case; asking marks it as sent."""
        since_ms = None if self._state_ms is None else up_ms - self._state_ms
        due = (
            pressing
            or since_ms is None
            or since_ms >= STATE_EVERY_MS
            or (self._changed and since_ms >= STATE_MIN_MS)
        )
        if due:
            self._state_ms, self._changed = up_ms, False
        return due

    def pos_due(self, up_ms: int, moving: bool) -> bool:
        """Whether `pos` should go out now; asking marks it as sent."""
        if self.latest(up_ms) is None:
            return False
        ordered = bool(self.order) or self.sought
        wanted_ms = POS_MOVING_MS if moving or ordered else POS_REST_MS
        pressing = ordered or any(name in self._alarms for name in PRESSING)
        every_ms = self._economy.pos_every_ms(wanted_ms, pressing)
        due = self._pos_ms is None or up_ms - self._pos_ms >= every_ms - 50
        if due:
            self._pos_ms = up_ms
        return due

    def state(
        self,
        up_ms: int,
        at_ms: int | None,
        clock: ClockSource,
        queue: dict[str, int],
        urgent: list[AnyRecord],
    ) -> State:
        """The whole picture at `up_ms`; `urgent` rides along."""
        return State(
            v=1,
            unit=self._unit,
            online=True,
            boot=self._boot,
            conn=self.conn,
            role=self._role,
            at_ms=at_ms,
            clock=clock,
            fix=self._live(up_ms),
            crew=self.crew[-MAX_CREW:],
            order=self.order,
            alarms=list(self._alarms.values())[-MAX_ALARMS:],
            urgent=urgent,
            queue=queue if self._photos is None else {**queue, "photo": self._photos},
            config=self.config,
            version=self._version,
            machine=self.machine,
            patches=self.patches,
            health=self._whole_health(up_ms),
        )

    def pos(self, up_ms: int) -> Pos | None:
        """The position alone, None without a fresh fix."""
        live = self._live(up_ms)
        return None if live is None else Pos(1, live)

    def will(self, conn: int) -> bytes:
        """What the broker shall say when connection `conn` breaks."""
        gone = {"v": 1, "unit": self._unit, "online": False, "boot": self._boot, "conn": conn}
        return msgspec.json.encode(gone)

    def _live(self, up_ms: int) -> LiveFix | None:
        fix = self.latest(up_ms)
        if fix is None:
            return None
        return LiveFix(
            lat=round(fix.lat, 6),
            lon=round(fix.lon, 6),
            age_ms=max(0, up_ms - fix.up_ms),
            hacc_m=_tenths(fix.hacc_m),
            speed_m_s=_tenths(fix.speed_m_s),
            course_deg=_tenths(fix.course_deg),
        )

    def _whole_health(self, up_ms: int) -> Health:
        heard_s = {part: max(0, up_ms - at_ms) // 1000 for part, at_ms in self._heard_ms.items()}
        return replace(
            self._health, link=self._broker or None, parts=dict(self._parts), heard_s=heard_s
        )


def _tenths(value: float | None) -> float | None:
    """A map shows no more, and every digit is a byte a second; the track has them."""
    return None if value is None else round(value, 1)
