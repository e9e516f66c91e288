"""A Debian root, untouched, made once on a machine and kept: what a fresh card would hold."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.virtual_pi.command import Failed, run
from tests.virtual_pi.emulated import emulate

FRESH = ("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-venv", "sudo")
FRESH_TOO = ("iproute2", "systemd-timesyncd")
"""Of what Raspberry Pi OS Lite brings, as much as is looked at."""
CARRIED = ("mosquitto", "chrony")
"""What a fresh root lacks and a gateway needs; kept beside it as .deb files, with all that they need."""
EDITION = "1"
"""Another one when the steps below change."""


@dataclass(frozen=True, slots=True)
class Root:
    """`tree`: the root itself, never to be written to. `debs`: the files of CARRIED."""

    tree: Path
    debs: Path


def cache() -> Path:
    """Where roots outlive a test run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "xunkong" / "virtual-pi"


def debian_root(release: str, arch: str = "amd64") -> Root:
    """The root of `release` (bookworm, trixie) for `arch`; makes it where it is not there yet, in about a minute.

    One for arm64 is made and runs under emulation, five times as slowly. Raises Failed, with what debootstrap said.
    """
    emulate(arch)
    what = "\n".join((EDITION, *FRESH, *FRESH_TOO, *CARRIED))
    name = f"{release}-{arch}-{hashlib.sha256(what.encode()).hexdigest()[:8]}"
    whole = made_once(cache() / name, lambda new: _make(release, arch, new))
    return Root(whole / "tree", whole / "debs")


def made_once(whole: Path, make: Callable[[Path], None]) -> Path:
    """`whole`, which is there entirely or not at all: `make` fills an empty folder that then gets this name.

    Whoever wants the same at the same time waits.
    """
    whole.parent.mkdir(parents=True, exist_ok=True)
    with whole.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.is_dir():
            new = whole.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            make(new)
            new.rename(whole)
    return whole


def mirror(release: str) -> str:
    """Where this machine itself takes Debian from, by what its apt says of `release` or of its own."""
    told = run("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(SITE)")
    sites = [line.split(" ", 2) for line in told.splitlines()]
    main = [(of, site) for of, component, site in sites if component == "main"]
    own = next(
        (line.split("=")[1] for line in _os_release() if line.startswith("VERSION_CODENAME")), ""
    )
    for wanted in (release, own):
        for of, site in main:
            if of == wanted and site.rstrip("/").endswith("debian"):
                return site
    raise Failed("apt-get indextargets", 0, "no source of Debian's packages is among apt's")


def _os_release() -> list[str]:
    return Path("/etc/os-release").read_text("utf-8").splitlines()


def _make(release: str, arch: str, new: Path) -> None:
    tree, debs = new / "tree", new / "debs"
    debs.mkdir()
    include = ",".join((*FRESH, *FRESH_TOO))
    options = ("--variant=minbase", f"--arch={arch}", f"--include={include}")
    _apart("debootstrap", *options, release, tree, mirror(release))
    carried = ("install", "--yes", "--download-only", "--no-install-recommends", *CARRIED)
    _apart("chroot", tree, "apt-get", *carried)
    _keep_carried(tree, debs)
    _as_flashed(tree)


def _keep_carried(tree: Path, debs: Path) -> None:
    """debootstrap leaves what it installed in the same place."""
    installed = run("chroot", tree, "dpkg-query", "--show", "--showformat", "${Package} ").split()
    for deb in (tree / "var/cache/apt/archives").glob("*.deb"):
        if deb.name.split("_")[0] not in installed:
            deb.rename(debs / deb.name)


def _as_flashed(tree: Path) -> None:
    """No host keys, no machine's number, no names of this network; they come at the first boot, or never."""
    for path in (tree / "etc/ssh").glob("ssh_host_*"):
        path.unlink()
    (tree / "etc/machine-id").write_text("")
    for name in ("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list"):
        (tree / name).unlink(missing_ok=True)
    shutil.rmtree(tree / "var/cache/apt/archives", ignore_errors=True)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)


def _apart(*command: str | Path) -> None:
    """Runs it with mounts of its own, that end with it however it ends: nothing is left mounted in a root."""
    run("unshare", "--mount", "--propagation", "private", "--", *command)
