"""Where patches stand: the unit's wish, what is under way, and what came of it; one file, replaced as a whole.

Cut at any moment, the wish or the folder `debs` is still there, for either of which systemd starts the patcher again.
"""

import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAX_WISH_BYTES = 16 * 1024
VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){1,3}")
DIGEST, ORDER = re.compile(r"[0-9a-f]{64}"), re.compile(r"[^\s/]{1,64}")


@dataclass(frozen=True)
class Job:
    """An order, and the release that it names."""

    order: str
    version: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Said:
    """What came of the last order: `installed`, `refused` (nothing was changed) or `failed`, and why."""

    order: str
    outcome: str
    why: str


@dataclass(frozen=True)
class State:
    """`version`: of the patches that are in. `job`: whose packages lie in `debs`, and are not all in yet."""

    version: str = "0.0"
    job: Job | None = None
    said: Said | None = None


@dataclass(frozen=True)
class Place:
    """Where things are. `root`: the system that is patched; `options`: dpkg's. `reached` is called at named points."""

    inbox: Path
    keep: Path
    key: Path
    run: Path = Path("/run/xunkong-patches")
    root: Path = Path("/")
    options: tuple[str, ...] = ()
    reached: Callable[[str], None] = lambda point: None

    @property
    def wish(self) -> Path:
        return self.inbox / "patch.json"

    @property
    def debs(self) -> Path:
        return self.keep / "debs"

    @property
    def due(self) -> Path:
        """There from the end of an installation to the machine's next start, which it asks for."""
        return self.run / "reboot"


def read(place: Place) -> State:
    """The state; a new one where there is none, or none that can be read."""
    try:
        table = json.loads((place.keep / "state.json").read_text("utf-8"))
        job, said = _made(Job, table.get("job")), _made(Said, table.get("said"))
        made = State(table["version"], job, said)
        return made if VERSION.fullmatch(made.version) else State()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return State()


def _made(kind: Any, fields: Any) -> Any:
    """A `kind` of those fields that it knows, as a later version may write more; None of None."""
    if fields is None:
        return None
    return kind(**{name: fields[name] for name in kind.__dataclass_fields__ if name in fields})


def write(place: Place, state: State) -> None:
    """Replaces the state. Raises OSError."""
    new = place.keep / ".state.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump({"v": 1, **asdict(state)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(place.keep / "state.json")
    sync(place.keep)


def wished(place: Place) -> Job | None:
    """The unit's wish, if there is one that can be read."""
    try:
        with plain(place.wish) as file:
            table = json.loads(file.read(MAX_WISH_BYTES))
        named = table["release"]
        job = Job(table["order"], named["version"], named["sha256"], named["size"])
        fits = (ORDER.fullmatch(job.order), VERSION.fullmatch(job.version), type(job.size) is int)
        return job if all(fits) and DIGEST.fullmatch(job.sha256) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def plain(path: Path) -> BinaryIO:
    """A file that somebody else made: no link, and nothing that one would wait for. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path} is not a file")
    return os.fdopen(fd, "rb")


def sync(folder: Path) -> None:
    """What a folder names is on the medium."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def rank(version: str) -> tuple[int, ...]:
    """By which versions are ordered."""
    return tuple(int(part) for part in version.split("."))
