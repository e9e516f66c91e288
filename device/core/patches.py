"""What is next of patches of the operating system that were fetched: put in by root, then a start anew, then proven.

The patcher ends what it began, whatever happens to it and to the unit. There is no way back, so a unit that does not
prove itself can only say so.
"""

from typing import Literal

from msgspec import Struct

from device.core.calm import Calm
from device.core.effects import Effect
from device.core.events import PatchesSaid
from device.core.job import Job
from device.core.moment import Now
from device.core.picture import Picture
from wire.records import OrderOutcome
from wire.release import Named, rank

NO_PATCHER = "this unit was not provisioned for patches"
PATCH_MS, RESTART_MS = 3 * 3_600_000, 3_600_000
"""After which a patcher that says nothing, or a machine that does not start anew, is told of. systemd gives the
patcher two hours."""


class Over(Struct, frozen=True):
    """The order has its answer."""

    outcome: OrderOutcome
    why: str | None


Next = Over | Literal["wish", "proof", "restart", "wait"]


class Patches:
    """Of the update desk."""

    def __init__(self, calm: Calm, picture: Picture) -> None:
        self._calm, self._picture = calm, picture
        self._said: PatchesSaid | None = None
        self._asked_ms: int | None = None

    def heard(self, said: PatchesSaid, now: Now) -> list[Effect]:
        """The patcher's word, which the picture shows."""
        del now
        self._said = said
        self._picture.patches = said.version
        self._picture.touch()
        return []

    @property
    def taken(self) -> bool:
        """Whether this unit takes patches."""
        return self._said is not None

    def has(self, wanted: Named) -> bool:
        """Whether they are in, or later ones."""
        return self._said is not None and rank(wanted.version) <= rank(self._said.version)

    def look(self, job: Job, lasts_ms: int, now: Now) -> Next:
        """What is to be done; the job's stage lasts for `lasts_ms`, in this run."""
        said = self._said
        if said is None:
            return Over("failed", NO_PATCHER) if lasts_ms > RESTART_MS else "wait"
        return (self._put_in if job.stage == "patch" else self._prove)(job, said, lasts_ms, now)

    def _put_in(self, job: Job, said: PatchesSaid, lasts_ms: int, now: Now) -> Next:
        del now
        self._asked_ms = None
        if said.order == job.order:
            return "proof" if said.outcome == "installed" else Over("failed", said.why)
        return "wish" if lasts_ms <= PATCH_MS else Over("failed", "the patcher did not answer")

    def _prove(self, job: Job, said: PatchesSaid, lasts_ms: int, now: Now) -> Next:
        del lasts_ms
        if said.due:
            return self._start_anew(now)
        lacking = self._calm.lacking(job.parts)
        if lacking is None:
            return Over("done", said.why if said.order == job.order else None)
        return (
            Over("failed", f"after the patches: {lacking}") if self._calm.is_over(now) else "wait"
        )

    def _start_anew(self, now: Now) -> Next:
        if not self._calm.is_quiet(now):
            return "wait"
        self._asked_ms = now.up_ms if self._asked_ms is None else self._asked_ms
        lasts_ms = now.up_ms - self._asked_ms
        return (
            "restart"
            if lasts_ms <= RESTART_MS
            else Over("failed", "the machine did not start anew")
        )
