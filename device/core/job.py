"""The job of an update: which order it is of, how far it has come; as it is saved over starts and switches."""

from typing import Literal

from msgspec import Struct

Stage = Literal["fetch", "install", "quiet", "trial", "patch", "proof"]
FIRM: dict[Stage, str] = {
    "trial": "another software is on trial",
    "patch": "patches are being put in",
    "proof": "patches are being proven",
}
"""In these no other order is taken."""


class Job(Struct, frozen=True):
    """An order under way. `release`: its text; None: back to the other slot. `parts`: those that worked before."""

    order: str
    stage: Stage
    release: str | None = None
    parts: tuple[str, ...] = ()
    patches: bool = False

    @property
    def what(self) -> str:
        if self.patches:
            return "patch"
        return "rollback" if self.release is None else "update"


class Note(Struct):
    """As it is saved, and read by the software before and after the switch; fields may come, and none may go."""

    job: Job | None = None
