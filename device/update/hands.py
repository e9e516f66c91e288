"""The unit's side of updates: keeps what was fetched, leaves wishes, and looks at what the slots say."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from device.config import UpdateSection
from device.core.effects import KeepPiece
from device.core.events import PatchesSaid, ReleaseHeld, SlotsSaid
from device.core.station import Slots
from device.core.wish import Wish
from device.patching import place as patching
from device.update.guard import SLOTS, Place
from device.update.inbox import Inbox
from device.update.install import machine

PATCHES_RUN = Path("/run/xunkong-patches")
log = logging.getLogger("xunkong.device")


class UpdateHands:
    """Of the software that runs from a slot. Only the unit's main thread may touch it."""

    def __init__(
        self, root: Path, keep: Path, slots: Slots, patches: Path, run: Path = PATCHES_RUN
    ) -> None:
        """`patches`: the patcher's folder, not there where the unit takes none; `run`: what it leaves until the
        machine's next start."""
        self.slots = slots
        self._place, self._inbox = Place(root, keep), Inbox(keep / "inbox")
        self._patches = patching.Place(self._inbox.path, patches, Path(), run)
        self._seen: SlotsSaid | None = None
        self._seen_patches: PatchesSaid | None = None

    @classmethod
    def of_this(
        cls, section: UpdateSection | None, prefix: Path = Path(sys.prefix)
    ) -> "UpdateHands | None":
        """For the software that runs from `prefix`; None where that is no slot, or updates are not configured."""
        if section is None:
            return None
        if prefix.name not in SLOTS or prefix.parent.name != "slots":
            log.warning("[update]: %s is no slot; this unit takes no updates", prefix)
            return None
        slots = Slots(
            own=prefix.name,
            machine=machine(),
            share=section.link_pct / 100,
            quiet_ms=section.quiet_s * 1000,
            trial_ms=section.trial_s * 1000,
        )
        return cls(prefix.parent.parent, Path(section.keep), slots, Path(section.patches))

    def held(self, digest: str) -> ReleaseHeld:
        """How much of a release is here."""
        return ReleaseHeld(digest, self._inbox.held(digest))

    def add(self, piece: KeepPiece) -> ReleaseHeld:
        """Keeps a piece; a card that takes none is told of, and is no fault of the unit's own work."""
        try:
            return ReleaseHeld(
                piece.sha256, self._inbox.add(piece.sha256, piece.offset, piece.data)
            )
        except OSError as exc:
            return ReleaseHeld(piece.sha256, self._inbox.held(piece.sha256), str(exc))

    def ask(self, wish: Wish) -> None:
        """Leaves a wish; where that fails it is left again later."""
        try:
            self._inbox.ask(wish)
        except OSError as exc:
            log.error("cannot ask the updater: %s; check %s", exc, self._inbox.path)

    def forget(self) -> None:
        """Nobody was told anything yet."""
        self._seen = self._seen_patches = None

    def news(self) -> Iterator[SlotsSaid | PatchesSaid]:
        """How the slots stand, and the patches; what was told already is not told again."""
        slots, patches = self._slots_say(), self._patches_say()
        if slots != self._seen:
            self._seen = slots
            yield slots
        if patches and patches != self._seen_patches:
            self._seen_patches = patches
            yield patches

    def _patches_say(self) -> PatchesSaid | None:
        if not self._patches.keep.is_dir():
            return None
        state, due = patching.read(self._patches), self._patches.due.exists()
        said = state.said
        if said is None:
            return PatchesSaid(state.version, due)
        return PatchesSaid(state.version, due, said.order, said.outcome, said.why)

    def _slots_say(self) -> SlotsSaid:
        state = self._place.read()
        said, trial = state.said, state.trial
        return SlotsSaid(
            state.good,
            trial.slot if trial else None,
            state.slots.get(state.idle) is not None,
            said.order if said else "",
            said.outcome if said else "",
            said.why if said else None,
        )
