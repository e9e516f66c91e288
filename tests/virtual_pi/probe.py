"""Runs as a service in the place of its program: what this sandbox lets a process do, as one JSON object.

python3 -I probe.py ADDRESS PATH...

ADDRESS: this machine's own. PATH: read if it is a file, opened for both if a device, written into if a folder.
"""

import ctypes
import json
import mmap
import os
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000


def can(act: Callable[[], object]) -> bool:
    try:
        act()
    except (OSError, AttributeError, ValueError):
        return False
    return True


def call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


def reach(family: socket.AddressFamily, *address: object) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as out:
        out.settimeout(5)
        out.connect(*address)


def use(path: Path) -> None:
    """What may be done with it in the way that fits its kind. Raises OSError."""
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        with tempfile.TemporaryFile(dir=path):
            return
    both = os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY
    os.close(os.open(path, both if stat.S_ISCHR(kind) else os.O_RDONLY))


def set_suid() -> None:
    with tempfile.NamedTemporaryFile() as file:
        os.fchmod(file.fileno(), 0o4755)


def status(field: str) -> str:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


def others() -> list[str]:
    """Processes of other users that show."""
    own, seen = os.getuid(), []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and can(path.stat) and path.stat().st_uid != own:
            seen.append(path.name)
    return seen


def main(address: str, paths: list[str]) -> None:
    did = {
        "capabilities": status("CapBnd").strip("0") + status("CapEff").strip("0") != "",
        "new privileges": status("NoNewPrivs") != "1",
        "any system call": status("Seccomp") != "2",
        "namespaces": can(lambda: call("unshare", NEW_USER))
        or can(lambda: call("unshare", NEW_NET)),
        "mount": can(lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
        "write and execute": can(
            lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        ),
        "root": can(lambda: os.setuid(0)) and os.getuid() == 0,
        "suid": can(set_suid),
        "clock": can(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
        "real time": can(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),
        "raw sockets": can(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        "other processes": others() != [],
        "this machine": can(lambda: reach(socket.AF_INET, ("127.0.0.1", 22))),
        "network": can(lambda: reach(socket.AF_INET, (address, 22))),
        "uses": [path for path in paths if can(partial(use, Path(path)))],
    }
    print(json.dumps(did))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
