"""The desk of the machine's health: adds up what is written and sent, tells what is wrong, says when to save."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from device.core import events as ev
from device.core.clock import ClockKeeper
from device.core.desk import Desk, Handler
from device.core.economy import Economy
from device.core.effects import Effect, Keep, Light, Save
from device.core.ledger import Ledger, day_of, plan_month_of
from device.core.moment import Now
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Budgets, Memory
from device.core.vitals import Vitals
from device.core.watch import RULES, Watch
from wire import live
from wire.records import Alarm

NOTE = "health"
SAVE_EVERY_MS = 600_000
"""Of a power cut the books lose so much at the most, and only of counters that begin anew with it."""

MIB, MB = 2**20, 10**6
UNDER_VOLTAGE, SLOWED = 1, 2 | 4 | 8
"""Bits of the firmware's throttle word that tell of now."""


class Note(Struct):
    """What outlasts a restart. `raised`: the alarms that stand, with their lines; `month`: the last one known."""

    raised: dict[str, str] = {}
    written: Ledger = field(default_factory=Ledger)
    sent: Ledger = field(default_factory=Ledger)
    month: str | None = None


class Health(Desk):
    """Hears the board and the modem; `economy` is told what is to be sent less of."""

    def __init__(
        self,
        budgets: Budgets,
        clock: ClockKeeper,
        scribe: Scribe,
        picture: Picture,
        economy: Economy,
    ) -> None:
        self._budgets, self._clock, self._scribe = budgets, clock, scribe
        self._picture, self._economy = picture, economy
        self._note, self._watch = Note(), Watch()
        self._board = ev.Measured(None, None, None)
        self._modem: ev.ModemSaid | None = None
        self._day: str | None = None
        self._looked = self._unsaved = False
        self._saved_ms = 0

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Measured: self._measured,
            ev.ModemSaid: self._modem_said,
            ev.Heard: self._broker,
            ev.Handed: self._broker,
        }

    def recall(self, memory: Memory) -> None:
        """The alarms that stood are shown again, and not recorded again."""
        self._note = memory.notes.recall(NOTE, Note) or Note()
        known = {rule.part for rule in RULES}
        self._note.raised = {p: line for p, line in self._note.raised.items() if p in known}
        for part, line in self._note.raised.items():
            self._picture.alarm(f"health {part}", line)
        self._save_on()

    def close(self) -> list[Effect]:
        """The books, for a stop in good order."""
        return [self._save()] if self._unsaved else []

    # What is heard

    def _broker(self, event: ev.Heard | ev.Handed, now: Now) -> list[Effect]:
        del event
        self._picture.heard("broker", now.up_ms)
        return []

    def _measured(self, measured: ev.Measured, now: Now) -> list[Effect]:
        self._board = measured
        for part, up_ms in measured.heard_ms.items():
            self._picture.heard(part, up_ms)
        self._turn_pages(now)
        if measured.written:
            self._note.written.count(self._day, *measured.written)
            self._unsaved = True
        return self._look(now)

    def _modem_said(self, said: ev.ModemSaid, now: Now) -> list[Effect]:
        self._modem = said
        self._picture.part("modem", said.word)
        if said.word == "ok":
            self._picture.heard("modem", now.up_ms)
        month = self._turn_pages(now)
        if said.session and said.rx_bytes is not None and said.tx_bytes is not None:
            self._note.sent.count(month, said.session, said.rx_bytes + said.tx_bytes)
            self._unsaved = True
        return self._look(now)

    def _turn_pages(self, now: Now) -> str | None:
        """Which day it is, and which month of the plan (also returned); None while no date is known."""
        at_ms, zone = self._clock.stamp(now.up_ms).at_ms, self._budgets.zone
        self._day = None if at_ms is None else day_of(at_ms, zone)
        month = None if at_ms is None else plan_month_of(at_ms, zone, self._budgets.month_day)
        self._note.month = month or self._note.month
        return month

    # What comes of it

    def _look(self, now: Now) -> list[Effect]:
        effects = [] if self._looked else self._stand_again(now)
        self._save_on()
        changes = self._watch.look(self._vitals(), now.up_ms)
        for part, line, risen in changes:
            effects += self._turned(part, line, risen, now)
        self._picture.measured(self._picture_of_it())
        if changes or (self._unsaved and now.up_ms - self._saved_ms >= SAVE_EVERY_MS):
            self._saved_ms = now.up_ms
            effects.append(self._save())
        return effects

    def _stand_again(self, now: Now) -> list[Effect]:
        self._looked, self._saved_ms = True, now.up_ms
        self._watch.recall(list(self._note.raised), now.up_ms)
        return [Light(self._picture.troubled)] if self._note.raised else []

    def _turned(self, part: str, line: str, risen: bool, now: Now) -> list[Effect]:
        self._picture.alarm(f"health {part}", f"{part}: {line}" if risen else None)
        self._note.raised.pop(part, None)
        if risen:
            self._note.raised[part] = f"{part}: {line}"
        alarm = self._scribe.write(
            Alarm, now.up_ms, alarm="part", what=line, part=part, active=risen
        )
        return [Keep(alarm), Light(self._picture.troubled)]

    def _save(self) -> Save:
        self._unsaved = False
        return Save(NOTE, msgspec.to_builtins(self._note))

    def _save_on(self) -> None:
        """What is sent less of; while no date is known the last month counts."""
        plan, used = self._budgets.plan, self._used_bytes()
        self._economy.saving = plan.saving(used) if plan and used is not None else None

    def _used_bytes(self) -> int | None:
        return self._note.sent.total(self._note.month) if self._note.month else None

    def _written_bytes(self) -> int | None:
        return self._note.written.total(self._day) if self._day and self._board.written else None

    def _vitals(self) -> Vitals:
        board, modem, plan = self._board, self._modem, self._budgets.plan
        word = board.throttled
        return Vitals(
            under_voltage=None if word is None else int(bool(word & UNDER_VOLTAGE)),
            throttled=None if word is None else int(bool(word & SLOWED)),
            cpu_c=board.cpu_c,
            disk_free_mb=board.disk_free_mb,
            mem_free_mb=board.mem_free_mb,
            sd_pct=_pct(self._written_bytes(), self._budgets.sd_bytes_day),
            modem_down=None if modem is None else int(modem.word != "ok"),
            data_pct=_pct(self._used_bytes(), plan.cap_bytes if plan else None),
        )

    def _picture_of_it(self) -> live.Health:
        board = self._board
        return live.Health(
            cpu_c=board.cpu_c,
            throttled=None if board.throttled is None else f"{board.throttled:#x}",
            disk_free_mb=board.disk_free_mb,
            mem_mb=board.mem_mb,
            mem_free_mb=board.mem_free_mb,
            sd_written_mb_day=_whole(self._written_bytes(), MIB),
            sd_budget_mb_day=_whole(self._budgets.sd_bytes_day, MIB),
            modem=self._picture_of_modem(),
        )

    def _picture_of_modem(self) -> live.ModemHealth | None:
        said, plan = self._modem, self._budgets.plan
        if said is None:
            return None
        return live.ModemHealth(
            word=said.word,
            operator=said.operator,
            technology=said.technology,
            signal_dbm=said.signal_dbm,
            quality_pct=said.quality_pct,
            used_mb=_whole(self._used_bytes(), MB),
            cap_mb=_whole(plan.cap_bytes if plan else None, MB),
            saving=self._economy.saving,
        )


def _pct(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole


def _whole(size_bytes: int | None, unit: int) -> int | None:
    return None if size_bytes is None else size_bytes // unit
