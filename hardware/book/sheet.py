"""A role's pin table as data: `pins/<role>.toml` read into frozen types."""

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent
Colour = Literal[
    "red", "black", "blue", "green", "yellow", "white", "orange", "purple", "grey", "brown"
]


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line under the drawing."""

    zh: str
    en: str


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the header's physical `pin` (its name repeated in `net`) to a part's terminal.

    `job`: what code or boot configuration knows it by; None for supply and ground.
    """

    pin: int
    net: str
    terminal: str
    colour: Colour
    job: str | None = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part box. `links`: what is wired elsewhere than on the header, as text."""

    id: str
    side: Literal["left", "right"]
    zh: str
    en: str
    wires: tuple[Wire, ...] = ()
    links: tuple[str, ...] = ()


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One role. `ports`: part to model to device; a folder (ending in /) where the name is the part's own."""

    role: str
    zh: str
    en: str
    models: tuple[str, ...]
    notes: tuple[Note, ...]
    ports: dict[str, dict[str, str]]
    part: tuple[Part, ...]

    def jobs(self) -> dict[str, Wire]:
        """Each wire that has a job, by its job."""
        return {wire.job: wire for part in self.part for wire in part.wires if wire.job}


def sheets(folder: Path = FOLDER) -> list[Sheet]:
    """All roles' tables. Raises msgspec.ValidationError or tomllib.TOMLDecodeError for a broken one."""
    return [
        msgspec.convert(tomllib.loads(path.read_text("utf-8")), Sheet)
        for path in sorted((folder / "pins").glob("*.toml"))
    ]
