"""The desk of updates: an order names a release; it is fetched, installed, switched to at a quiet moment, and proven.
Patches of the operating system come the same way; the machine is started anew with them, and there is no way back.

The updater, another process, does what is wished and says what came of it in the state of the slots; `trial` is
gone through by the new software, which answers for the order, or by the old one, if the guard went back to it.

    fetch ── whole ──► install ── installed ──► quiet ── a minute without hands ──► trial ──► done or failed
      └───── whole, patches ──────────────────► quiet ── a minute without hands ──► patch ──► proof ──► done or failed
"""

from collections.abc import Callable, Mapping

from msgspec import structs, to_builtins

from device.core import effects as ef
from device.core import events as ev
from device.core.calm import Calm
from device.core.desk import Desk, Handler
from device.core.effects import Effect, Keep, Save
from device.core.fetch import Fetch
from device.core.job import FIRM, Job, Note, Stage
from device.core.moment import Now
from device.core.patches import NO_PATCHER, Over, Patches
from device.core.picture import Picture
from device.core.scribe import Scribe
from device.core.station import Identity, Memory, Slots
from device.core.urgent import Urgent
from device.core.wish import Do, Wish
from wire.records import Boot, Order, OrderOutcome
from wire.release import Named, named, rank

NOTE = "update"
ASK_MS = 60_000
"""A wish that nothing came of is asked anew."""

ROLLED_BACK = "an order to go back came"
NO_SLOTS = "this unit was not provisioned for updates"


class Update(Desk):
    """One order at a time; one that comes before the switch takes the place of another.

    A rollback names the version to be left, and ends an update to it at any stage; without a name it is the way to
    the other slot, whatever is there.
    """

    def __init__(
        self,
        identity: Identity,
        slots: Slots | None,
        scribe: Scribe,
        picture: Picture,
        urgent: Urgent,
        calm: Calm,
        fetch: Fetch,
        restart: Callable[[Now], list[Effect]],
    ) -> None:
        """`slots`: None where the unit takes no updates. `restart` starts the machine anew."""
        self._version, self._slots = identity.version, slots
        self._scribe, self._picture, self._urgent = scribe, picture, urgent
        self._calm, self._fetch, self._restart = calm, fetch, restart
        self._job: Job | None = None
        self._said: ev.SlotsSaid | None = None
        self._patches = Patches(calm, picture)
        self._asked_ms: int | None = None
        self._since_ms: int | None = None
        self._leaving = False
        self._stages: dict[Stage, Callable[[Job, ev.SlotsSaid, Now], list[Effect]]] = {
            "fetch": self._when_whole,
            "install": self._when_installed,
            "quiet": self._when_quiet,
            "trial": self._on_trial,
            "patch": self._on_patches,
            "proof": self._on_patches,
        }

    def recall(self, memory: Memory) -> None:
        note = memory.notes.recall(NOTE, Note)
        self._job = note.job if note else None

    def handlers(self) -> Mapping[type, Handler]:
        return {
            ev.Kept: self._kept,
            ev.SlotsSaid: self._spoke,
            ev.PatchesSaid: self._patches.heard,
            ev.CardShown: self._hand,
            ev.ButtonMoved: self._hand,
        }

    def _hand(self, event: ev.CardShown | ev.ButtonMoved, now: Now) -> list[Effect]:
        del event
        self._calm.hand(now.up_ms)
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
            self._calm.booted(kept)
        if not isinstance(record, Order) or record.outcome != "received":
            return []
        if record.what not in ("update", "patch", "rollback"):
            return []
        if record.what == "rollback" and record.text and self._is_elsewhere(record.text):
            return self._end_update(record, record.text, now)
        why = self._why_not(record)
        if why is not None:
            return self._answer(record.id, record.what, "failed", why, now)
        return [*self._replaced(now), *self._begin(record, now)]

    def _is_elsewhere(self, version: str) -> bool:
        """Whether `version`, which is to be left, does not run for good here: it comes, is on trial, or is not here."""
        comes = self._job is not None and self._job.brings(version)
        settled = self._said is not None and self._said.trial is None
        return comes or (settled and version != self._version)

    def _end_update(self, order: Order, version: str, now: Now) -> list[Effect]:
        """An update that is in hand is let go, or taken back from its trial; what is not here needs no way back."""
        job = self._job
        if job is None or not job.brings(version):
            return self._answer(order.id, "rollback", "done", self._runs, now)
        ended = structs.replace(job, ended_by=order.id)
        if job.stage == "trial":
            return self._enter(ended)
        self._fetch.end()
        return self._over(ended, "failed", ROLLED_BACK, now)

    def _why_not(self, order: Order) -> str | None:
        said = self._said
        if self._slots is None or said is None:
            return NO_SLOTS
        stage = "trial" if said.trial is not None else self._job and self._job.stage
        if stage in FIRM:
            return FIRM[stage]
        if order.what == "rollback":
            return None if said.idle else "there is no other software to go back to"
        if order.what == "patch" and not self._patches.taken:
            return NO_PATCHER
        return self._why_not_that(order, named(order.text))

    def _why_not_that(self, order: Order, wanted: Named | None) -> str | None:
        if wanted is None:
            return "it names no release: <version> <sha256> <bytes>"
        if order.what == "update" and rank(wanted.version) < rank(self._version):
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
            return self._enter(Job(order.id, "quiet"))
        if order.what == "patch":
            return self._begin_patches(order, wanted)
        if wanted.version == self._version:
            self._job = None
            why = f"version {self._version} runs already"
            return [*self._answer(order.id, "update", "done", why, now), self._note()]
        job = Job(order.id, "fetch", str(wanted))
        return [*self._enter(job), *self._fetch_of(job)]

    def _begin_patches(self, order: Order, wanted: Named) -> list[Effect]:
        """Those that are in already have yet to be proven."""
        job = Job(order.id, "fetch", str(wanted), patches=True)
        if self._patches.has(wanted):
            return self._enter(structs.replace(job, stage="proof"))
        return [*self._enter(job), *self._fetch_of(job)]

    def _fetch_of(self, job: Job) -> list[Effect]:
        wanted = named(job.release)
        return self._fetch.begin(wanted) if wanted else []

    # What is due

    def due(self, now: Now) -> list[Effect]:
        self._calm.begun(now.up_ms)
        job, said = self._job, self._said
        if said is None or self._slots is None:
            return []
        if said.chosen != self._slots.own:
            return self._leave(said, now)
        return self._stages[job.stage](job, said, now) if job else []

    def _when_whole(self, job: Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        del said
        if not self._fetch.whole:
            return []
        self._fetch.end()
        if job.patches:
            return self._enter(structs.replace(job, stage="quiet"))
        after = structs.replace(job, stage="install")
        return [*self._enter(after), *self._wish("install", after, now)]

    def _when_installed(self, job: Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        if said.order != job.order:
            return self._wish("install", job, now)
        if said.outcome == "refused":
            return self._over(job, "failed", said.why, now)
        return self._enter(structs.replace(job, stage="quiet"))

    def _when_quiet(self, job: Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        del said
        if not self._calm.is_quiet(now):
            return []
        after = structs.replace(job, stage="trial", parts=self._calm.working())
        if job.patches:
            after = structs.replace(after, stage="patch")
            return [*self._enter(after), *self._wish("patch", after, now)]
        return [*self._enter(after), ef.Sync(), *self._wish("switch", after, now)]

    def _on_trial(self, job: Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        if said.trial is None:
            return self._after_trial(job, said, now)
        if job.ended_by:
            return self._wish("back", job, now, ROLLED_BACK)
        lacking = self._calm.lacking(job.parts)
        if lacking is None:
            return self._wish("pass", job, now)
        return self._wish("back", job, now, lacking) if self._calm.is_over(now) else []

    def _after_trial(self, job: Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        if said.order != job.order or said.outcome == "installed":
            return self._wish("switch", job, now)
        if said.outcome != "passed":
            return self._over(job, "failed", said.why, now)
        ended = self._over(structs.replace(job, ended_by=None), "done", self._runs, now)
        return [*ended, *(self._enter(Job(job.ended_by, "quiet")) if job.ended_by else [])]

    @property
    def _runs(self) -> str:
        return f"version {self._version} runs"

    def _on_patches(self, job: Job, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        del said
        self._since_ms = now.up_ms if self._since_ms is None else self._since_ms
        found = self._patches.look(job, now.up_ms - self._since_ms, now)
        if isinstance(found, Over):
            return self._over(job, found.outcome, found.why, now)
        if found == "proof":
            return self._enter(structs.replace(job, stage="proof"))
        if found == "wish":
            return self._wish("patch", job, now)
        if found == "wait" or self._asks_too_soon(now):
            return []
        self._asked_ms = now.up_ms
        return self._restart(now)

    def _leave(self, said: ev.SlotsSaid, now: Now) -> list[Effect]:
        """The link points to the other slot: what is started next is that. Back from a trial nobody waits."""
        if self._leaving or (said.trial is not None and not self._calm.hands_off(now)):
            return []
        self._leaving = True
        return [ef.StartAnew()]

    # Effects

    def _wish(
        self,
        do: Do,
        job: Job,
        now: Now,
        why: str | None = None,
    ) -> list[Effect]:
        """Once, and again when nothing comes of it."""
        if self._asks_too_soon(now):
            return []
        self._asked_ms = now.up_ms
        release = named(job.release) if do in ("install", "patch") else None
        within_ms = self._slots.trial_ms if self._slots else 0
        return [ef.AskUpdater(Wish(do, job.order, release, why and why[:500], within_ms))]

    def _asks_too_soon(self, now: Now) -> bool:
        return self._asked_ms is not None and now.up_ms - self._asked_ms < ASK_MS

    def _enter(self, job: Job) -> list[Effect]:
        self._job, self._asked_ms, self._since_ms = job, None, None
        return [self._note()]

    def _over(self, job: Job, outcome: OrderOutcome, why: str | None, now: Now) -> list[Effect]:
        self._job = None
        told = self._answer(job.order, job.what, outcome, why, now)
        if job.ended_by:
            told += self._answer(job.ended_by, "rollback", "done", self._runs, now)
        return [*told, self._note()]

    def _answer(
        self, order: str, what: str, outcome: OrderOutcome, why: str | None, now: Now
    ) -> list[Effect]:
        record = self._scribe.write(
            Order, now.up_ms, id=order, outcome=outcome, what=what, why=why and why[:500]
        )
        self._urgent.add(record)
        return [Keep(record)]

    def _note(self) -> Save:
        return Save(NOTE, to_builtins(Note(self._job)))
