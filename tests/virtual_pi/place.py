"""Where a virtual Pi is on this machine: its folder, its network namespace, its control groups."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
END_S = 20.0
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """`link`: the end of its cable on `bridge`. `key`: with which it is logged in to."""

    folder: Path
    netns: str
    link: str
    bridge: str
    address: str
    key: Path

    @property
    def tree(self) -> Path:
        """Its root as it stands, an overlay; may be read and, without power, written to."""
        return self.folder / "tree"

    @property
    def console(self) -> Path:
        """What it showed since it was made."""
        return self.folder / "console.log"


def make_groups(name: str) -> list[Path]:
    """A control group of its own in each hierarchy that systemd uses, as two containers in one would kill each other.

    Returns the files that a process writes its number into to be in them.
    """
    made = []
    for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if (hierarchy := _hierarchy(controllers)) is not None:
            group = hierarchy / path.removeprefix("/") / name
            group.mkdir(exist_ok=True)
            made.append(group / "cgroup.procs")
    return made


def _hierarchy(controllers: str) -> Path | None:
    """Where it is mounted; None: it is none of systemd's, or not there."""
    if controllers == "name=systemd":
        return GROUPS / "systemd"
    if controllers:
        return None
    return next((at for at in (GROUPS / "unified", GROUPS) if (at / "cgroup.procs").exists()), None)


def groups(pattern: str) -> Iterator[Path]:
    """The control groups whose name is like `pattern`, wherever they are."""
    for hierarchy in (GROUPS / "systemd", GROUPS / "unified", GROUPS):
        yield from hierarchy.rglob(pattern)


def end_group(group: Path) -> None:
    """Kills what is left in a control group and below, and removes it. Raises TimeoutError."""
    until = time.monotonic() + END_S
    while group.exists():
        for file in group.rglob("cgroup.procs"):
            with suppress(OSError):
                for pid in file.read_text("utf-8").split():
                    os.kill(int(pid), signal.SIGKILL)
        below = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
        with suppress(OSError):
            for path in (*below, group):
                path.rmdir()
        if time.monotonic() > until:
            raise TimeoutError(f"{group} still has processes")
        time.sleep(LOOK_S)
