"""A yard of virtual Pis: a bridge of this machine's that they hang on, and everything of theirs to be removed.

A yard has a number, held by a lock for as long as its process lives. All that belongs to it bears the number, so
what a run left behind that was killed is found and removed by the next one that gets the number.
"""

import fcntl
import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.virtual_pi.command import run, tries
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.place import Place, end_group, groups
from tests.virtual_pi.root import Root, cache

MOST_YARDS = 64
MOUNTS = Path("/proc/self/mounts")
LOCKS = Path("/run/lock/xunkong-virtual-pi")
"""One place for the whole machine, as names of links and namespaces are the whole machine's."""


class Yard:
    """Use `with`: at its end its Pis lose power and nothing of them is left, unless `abandon` was called.

    `host`: this machine's address as they see it; there is no way beyond it.
    """

    def __init__(self) -> None:
        self.number, self._lock = _take()
        self.folder = cache() / "yards" / str(self.number)
        self.bridge = f"xkpi{self.number}"
        self.host = self.address(1)
        self.pis: list[Pi] = []

    def address(self, last: int) -> str:
        """An IPv4 address of the yard."""
        return f"10.217.{self.number}.{last}"

    def __enter__(self) -> "Yard":
        self._clear()
        self.folder.mkdir(parents=True)
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"{self.host}/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rig", "-f", self.folder / "key")
        return self

    def __exit__(self, *_: object) -> None:
        for pi in self.pis:
            pi.power_cut()
        self._clear()
        self._lock.close()

    def abandon(self) -> None:
        """As a process that was killed does: all stays as it is, and the number is free."""
        self._lock.close()

    def pi(self, name: str, root: Root, binds: Iterable[tuple[str, str]] = ()) -> Pi:
        """A Pi of `root`, without power yet. `binds`: what of this machine it has, and where it sees it."""
        at = len(self.pis) + 2
        place = Place(
            folder=self.folder / name,
            netns=f"{self.bridge}-{name}",
            link=f"{self.bridge}.{at}",
            bridge=self.bridge,
            address=self.address(at),
            key=self.folder / "key",
        )
        pi = Pi(name, root, place, tuple(binds))
        self.pis.append(pi)
        pi.make()
        return pi

    def _clear(self) -> None:
        """Whatever bears the number: of this yard, or of an earlier one whose process was killed."""
        named = [line.split()[0] for line in run("ip", "netns", "list").splitlines()]
        for netns in named:
            if netns.startswith(f"{self.bridge}-"):
                end_all(netns)
                tries("ip", "netns", "delete", netns)
        for group in groups(f"{self.bridge}-*"):
            end_group(group)
        for line in reversed(MOUNTS.read_text("utf-8").splitlines()):
            source, at, *_ = line.split()
            if source.startswith(f"{self.bridge}-"):
                run("umount", "--lazy", at)
        shutil.rmtree(self.folder, ignore_errors=True)
        tries("ip", "link", "delete", self.bridge)


def end_all(netns: str) -> None:
    """Kills what lives in a network namespace, and no other process."""
    for pid in run("ip", "netns", "pids", netns).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _take() -> tuple[int, IO[str]]:
    """A number that nobody has."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    for number in range(MOST_YARDS):
        lock = (LOCKS / f"{number}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return number, lock
    raise RuntimeError(f"all {MOST_YARDS} yards are in use; see {LOCKS}")
