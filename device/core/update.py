"""The desk of updates: an order names a release; it is fetched, installed, switched to at a quiet moment, and proven.

The updater, another process, does what is wished and says what came of it in the state of the slots; `trial` is
gone through by the new software, which answers for the order, or by the old one, if the guard went back to it.

    fetch ── whole ──► install ── installed ──► quiet ── a minute without hands ──► trial ──► done or failed
"""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct, structs, to_builtins

from device.core import effects as ef
from device.core import events as ev
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Save
from device.core.fetch import Fetch
from device.core.moment import Now
from device.core.parts import HEALTHY
from device.core.picture import PRESSING, Picture
from device.core.scribe import Scribe
from device.core.station import Identity, Memory, Slots
from device.core.urgent import Urgent
from device.core.wish import Wish
from device.link.delivery import Delivery
from wire.records import Boot, Order, OrderOutcome
from wire.release import named, rank

NOTE = "update"
ASK_MS = 60_000
"""A wish that nothing came of is asked anew."""

PATIENCE = 0.9
"""Of the trial's time, after which the software on trial itself says what it lacks; the guard says nothing."""

NO_SLOTS = "this unit was not provisioned for updates"
Stage = Literal["fetch", "install", "quiet", "trial"]


class _Job(Struct, frozen=True):
    """An order under way. `release`: its text; None: back to the other slot. `parts`: those that worked before."""

    order: str
    stage: Stage
    release: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        return "rollback" if self.release is None else "update"


class _Note(Struct):
    """As it is saved, and read by the software before and after the switch; fields may come, and none may go."""

    job: _Job | None = None


class Update(Desk):
    """One order at a time; one that comes before the switch takes the place of another."""

    def __init__(
        self,
        identity: Identity,
        slots: Slots | None,
        scribe: Scribe,
        picture: Picture,
        urgent: Urgent,
        delivery: Delivery,
        fetch: Fetch,
    ) -> None:
        """`slots`: None where the unit takes no updates."""
        self._version, self._slots = identity.version, slots
        self._scribe, self._picture, self._urgent = scribe, picture, urgent
        self._delivery, self._fetch = delivery, fetch
        self._job: _Job | None = None
        self._said: ev.SlotsSaid | None = None
        self._asked_ms: int | None = None
        self._boot: ev.Kept | None = None
        self._begun_ms: int | None = None
        self._hands_ms: int | None = None
        self._leaving = False
        self._stages: dict[Stage, Callable[[_Job, ev.SlotsSaid, Now], list[Effect]]] = {
            "fetch": self._when_whole,
            "install": self._when_installed,
            "quiet": self._when_quiet,
            "trial": self._on_trial,
        }

    def recall(self, memory: Memory) -> None:
        note = memory.notes.recall(NOTE, _Note)
        self._job = note.job if note else None

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Kept: self._kept,
            ev.SlotsSaid: self._spoke,
            ev.CardShown: self._hand,
            ev.ButtonMoved: self._hand,
        }

    def _hand(self, event: ev.CardShown | ev.ButtonMoved, now: Now) -> list[Effect]:
        del event
        self._hands_ms = now.up_ms
        return []

    def _spoke(self, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        first = self._said is None
        self._said = said
        if first and self._job and self._job.stage == "fetch":
            return self._fetch_of(self._job)
        del now
        return []

    # Orders

    def _kept(self, kept: ev.Kept, now: Now) -> list[Effect]:
        record = kept.record
        if isinstance(record, Boot):
            self._boot = kept
        if not isinstance(record, Order) or record.outcome != "received":
            return []
        if record.what not in ("update", "rollback"):
            return []
        why = self._why_not(record)
        if why is not None:
            return self._answer(record.id, record.what, "failed", why, now)
        return [*self._replaced(now), *self._begin(record, now)]

    def _why_not(self, order: Order) -> str | None:
        said = self._said
        if self._slots is None or said is None:
            return NO_SLOTS
        if said.trial is not None or (self._job and self._job.stage == "trial"):
            return "another software is on trial"
        if order.what == "rollback":
            return None if said.idle else "there is no other software to go back to"
        wanted = named(order.text)
        if wanted is None:
            return "it names no release: <version> <sha256> <bytes>"
        if rank(wanted.version) < rank(self._version):
            return (
                f"version {wanted.version} is below {self._version}, which runs: order a rollback"
            )
        return None

    def _replaced(self, now: Now) -> list[Effect]:
        job = self._job
        if job is None:
            return []
        self._fetch.end()
        return self._answer(job.order, job.what, "failed", "another order took its place", now)

    def _begin(self, order: Order, now: Now) -> list[Effect]:
        wanted = named(order.text)
        if order.what == "rollback" or wanted is None:
            return self._enter(_Job(order.id, "quiet"))
        if wanted.version == self._version:
            self._job = None
            why = f"version {self._version} runs already"
            return [*self._answer(order.id, "update", "done", why, now), self._note()]
        job = _Job(order.id, "fetch", str(wanted))
        return [*self._enter(job), *self._fetch_of(job)]

    def _fetch_of(self, job: _Job) -> list[Effect]:
        wanted = named(job.release)
        return self._fetch.begin(wanted) if wanted else []

    # What is due

    def due(self, now: Now) -> list[Effect]:
        self._begun_ms = now.up_ms if self._begun_ms is None else self._begun_ms
        job, said = self._job, self._said
        if said is None or self._slots is None:
            return []
        if said.chosen != self._slots.own:
            return self._leave(said, now)
        return self._stages[job.stage](job, said, now) if job else []

    def _when_whole(self, job: _Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        del said
        if not self._fetch.whole:
            return []
        self._fetch.end()
        after = structs.replace(job, stage="install")
        return [*self._enter(after), *self._wish("install", after, now)]

    def _when_installed(self, job: _Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        if said.order != job.order:
            return self._wish("install", job, now)
        if said.outcome == "refused":
            return self._over(job, "failed", said.why, now)
        return self._enter(structs.replace(job, stage="quiet"))

    def _when_quiet(self, job: _Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        del said
        if not self._is_quiet(now):
            return []
        after = structs.replace(job, stage="trial", parts=self._working())
        return [*self._enter(after), ef.Sync(), *self._wish("switch", after, now)]

    def _on_trial(self, job: _Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        if said.trial is None:
            return self._after_trial(job, said, now)
        lacking = self._lacking(job)
        if lacking is None:
            return self._wish("pass", job, now)
        patience_ms = self._slots.trial_ms * PATIENCE if self._slots else 0
        if now.up_ms - (self._begun_ms or 0) > patience_ms:
            return self._wish("back", job, now, lacking)
        return []

    def _after_trial(self, job: _Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        if said.order != job.order or said.outcome == "installed":
            return self._wish("switch", job, now)
        if said.outcome == "passed":
            return self._over(job, "done", f"version {self._version} runs", now)
        return self._over(job, "failed", said.why, now)

    # A quiet moment, and a proof

    def _is_quiet(self, now: Now) -> bool:
        """Since this run began, too: who starts a unit may want to tap."""
        busy = self._picture.order is not None or self._picture.sought or self._urgent.records()
        pressed = any(name in self._picture.alarms for name in PRESSING)
        return not busy and not pressed and self._hands_off(now)

    def _hands_off(self, now: Now) -> bool:
        since_ms = self._begun_ms if self._hands_ms is None else self._hands_ms
        return now.up_ms - (since_ms or 0) >= (self._slots.quiet_ms if self._slots else 0)

    def _working(self) -> tuple[str, ...]:
        return tuple(name for name, word in self._picture.parts.items() if word in HEALTHY)

    def _lacking(self, job: _Job) -> str | None:
        """Why the software is not proven: every part that worked must work, the journal must not have come to
        harm, and a record must have arrived."""
        parts = {"journal": HEALTHY[0], **self._picture.parts}
        for name in ("journal", *job.parts):
            if parts.get(name) not in HEALTHY:
                return f"part {name}, which worked before: {parts.get(name, 'no word')}"
        boot = self._boot
        if boot is None or not self._delivery.has_arrived(boot.stream, boot.log, boot.seq):
            return "the gateway was not reached"
        return None

    def _leave(self, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        """The link points to the other slot: what is started next is that. Back from a trial nobody waits."""
        if self._leaving or (said.trial is not None and not self._hands_off(now)):
            return []
        self._leaving = True
        return [ef.StartAnew()]

    # Effects

    def _wish(
        self,
        do: Literal["install", "switch", "pass", "back"],
        job: _Job,
        now: Now,
        why: str | None = None,
    ) -> list[Effect]:
        """Once, and again when nothing comes of it."""
        if self._asked_ms is not None and now.up_ms - self._asked_ms < ASK_MS:
            return []
        self._asked_ms = now.up_ms
        release = named(job.release) if do == "install" else None
        within_ms = self._slots.trial_ms if self._slots else 0
        return [ef.AskUpdater(Wish(do, job.order, release, why and why[:500], within_ms))]

    def _enter(self, job: _Job) -> list[Effect]:
        self._job, self._asked_ms = job, None
        return [self._note()]

    def _over(self, job: _Job, outcome: OrderOutcome, why: str | None, now: Now) -> list[Effect]:
        self._job = None
        return [*self._answer(job.order, job.what, outcome, why, now), self._note()]

    def _answer(
        self, order: str, what: str, outcome: OrderOutcome, why: str | None, now: Now
    ) -> list[Effect]:
        record = self._scribe.write(
            Order, now.up_ms, id=order, outcome=outcome, what=what, why=why and why[:500]
        )
        self._urgent.add(record)
        return [Keep(record)]

    def _note(self) -> Save:
        return Save(NOTE, to_builtins(_Note(self._job)))
