"""What this machine needs to run another processor's programs: qemu-user, known to the kernel by binfmt_misc."""

import shutil
from pathlib import Path

from tests.virtual_pi.command import run

BINFMT = Path("/proc/sys/fs/binfmt_misc")
QEMU = {"arm64": "qemu-aarch64"}
"""The emulator of each processor, as Debian's binfmt-support names it."""


def lacks_emulator(arch: str) -> str | None:
    """What is missing here to run programs of `arch` (Debian's name); None if nothing."""
    if arch not in QEMU or (
        shutil.which(f"{QEMU[arch]}-static") and shutil.which("update-binfmts")
    ):
        return None
    return f"{arch} is not this machine's own: apt install qemu-user-static binfmt-support"


def emulate(arch: str) -> None:
    """Has the kernel run programs of `arch`, in every root. Raises Failed."""
    if arch not in QEMU:
        return
    if not (BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    run("update-binfmts", "--enable", QEMU[arch])


def spare_namespaces(tree: Path) -> None:
    """An emulated process has threads of the emulator's and no netlink of its own: services there get no namespaces
    for users and network. Of all else in their sandbox nothing is taken."""
    lines = tree / "etc/systemd/system/xunkong-.service.d/zz-emulated.conf"
    lines.parent.mkdir(parents=True)
    lines.write_text("[Service]\nPrivateUsers=no\nPrivateNetwork=no\n", "utf-8")
