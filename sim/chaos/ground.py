"""What only the kernel can do to a unit: a card of its own that fills up or turns read-only, a network of its own.

Both need root. Where they cannot be made `can_mount` and `can_net` are False, and the faults that need them
are left out of a run and named in its report. A card is a small tmpfs; a network is a namespace in which
the line to the broker listens, whose loopback is shaped (tbf) or switched off.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

CARD_MB = 260
"""More than a unit wants to be free beside its journal, or its budget would have a word in everything."""

FILLER = "filler"
MTU = 1500


def _run(*words: str) -> bool:
    done = subprocess.run(words, capture_output=True, check=False)
    return done.returncode == 0


class Card:
    """A unit's card, mounted at `path`; a plain folder where mounts cannot be made."""

    def __init__(self, path: Path, mounted: bool) -> None:
        self.path, self._mounted = path, mounted
        path.mkdir()
        if mounted and not _run(*_mount("tmpfs", path, f"size={CARD_MB}m,mode=700")):
            raise OSError(f"no tmpfs at {path}")

    def fill(self) -> None:
        """Leaves no room."""
        with (self.path / FILLER).open("wb", buffering=0) as file:
            free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_bsize
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, free)
            file.seek(0, os.SEEK_END)
            with suppress(OSError):
                while file.write(b"x" * 512):
                    continue

    def empty(self) -> None:
        """Makes room again."""
        (self.path / FILLER).unlink(missing_ok=True)

    def read_only(self, on: bool) -> bool:
        """Remounts it; False where somebody still writes on it."""
        return _run("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.path))

    def copy(self, to: Path) -> None:
        """An image of what is on it."""
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.path, to)

    def put_back(self, image: Path) -> None:
        """Puts what was on it back."""
        for old in self.path.iterdir():
            old.unlink()
        shutil.copytree(image, self.path, dirs_exist_ok=True)

    def close(self) -> None:
        """Takes it away."""
        if self._mounted:
            _run("umount", "-l", str(self.path))


def _mount(kind: str, path: Path, options: str) -> Sequence[str]:
    return ("mount", "-t", kind, "-o", options, f"xunkong-{path.parent.name}", str(path))


class Net:
    """A unit's network namespace: only loopback, on which the line to the broker listens."""

    def __init__(self, name: str) -> None:
        self._name = name
        if not _run("ip", "netns", "add", name):
            raise OSError(f"no network namespace {name}")
        self.do("ip", "link", "set", "lo", "mtu", str(MTU))
        self.dead(False)

    @property
    def path(self) -> str:
        return f"/run/netns/{self._name}"

    def into(self) -> list[str]:
        """What goes before a command to run it in there."""
        return ["nsenter", f"--net={self.path}"]

    def do(self, *words: str) -> bool:
        """Runs a command in there."""
        return _run(*self.into(), *words)

    def dead(self, on: bool) -> None:
        """No packet gets through, and nobody is told; or all do again."""
        self.do("ip", "link", "set", "lo", "down" if on else "up")

    def shape(self, kbit_s: int | None) -> None:
        """A token bucket of so many kbit/s; None: as fast as it can."""
        if kbit_s is None:
            self.do("tc", "qdisc", "del", "dev", "lo", "root")
        else:
            rate = ("rate", f"{kbit_s}kbit", "burst", "4kb", "latency", "2s")
            self.do("tc", "qdisc", "replace", "dev", "lo", "root", "tbf", *rate)

    def close(self) -> None:
        """Takes it away."""
        _run("ip", "netns", "del", self._name)


def can_mount(folder: Path) -> bool:
    """Whether a tmpfs can be mounted below `folder`."""
    if os.geteuid() or not shutil.which("mount"):
        return False
    try:
        card = Card(folder / "probe", mounted=True)
    except OSError:
        return False
    card.close()
    card.path.rmdir()
    return True


def can_net(name: str) -> bool:
    """Whether a network namespace can be made, and tbf put on its loopback. `name`: one that is free."""
    if os.geteuid() or not all(shutil.which(tool) for tool in ("ip", "tc", "nsenter")):
        return False
    try:
        net = Net(name)
    except OSError:
        return False
    try:
        rate = ("rate", "64kbit", "burst", "4kb", "latency", "2s")
        return net.do("tc", "qdisc", "add", "dev", "lo", "root", "tbf", *rate)
    finally:
        net.close()
