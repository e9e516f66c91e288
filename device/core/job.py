"""The job of an update: which order it is of, how far it has come; as it is saved over starts and switches."""

from typing import Literal

from msgspec import Struct

from wire.release import named

Stage = Literal["fetch", "install", "quiet", "trial", "patch", "proof"]
FIRM: dict[Stage, str] = {
    "trial": "another software is on trial",
    "patch": "patches are being put in",
    "proof": "patches are being proven",
}
"""In these no other order is taken."""


class Job(Struct, frozen=True):
    """An order under way. `release`: its text; None: back to the other slot. `parts`: those that worked before.

    `ended_by`: the order to go back that came while the release was on trial; None: none did.
    """

    order: str
    stage: Stage
    release: str | None = None
    parts: tuple[str, ...] = ()
    patches: bool = False
    ended_by: str | None = None

    def brings(self, version: str) -> bool:
        """Whether it is an update to that version."""
        wanted = None if self.patches else named(self.release)
        return wanted is not None and wanted.version == version

    @property
    def what(self) -> str:
        if self.patches:
            return "patch"
        return "rollback" if self.release is None else "update"


class Note(Struct):
    """As it is saved, and read by the software before and after the switch; fields may come, and none may go."""

    job: Job | None = None
