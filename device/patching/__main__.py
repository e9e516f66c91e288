"""Run by systemd as root, when the unit wishes for patches or some are half in.

    /usr/bin/python3 -I /usr/local/lib/xunkong

A Debian package may change anything, so root believes the release key alone, and runs nothing that another user may
write: provisioning lays these files where only root can. They need Python's standard library, openssl, dpkg and apt;
whatever is wrong with the software in the slots, this runs.
"""

import argparse
import logging
import platform
import re
import sys
from pathlib import Path

from device.patching.patcher import serve
from device.patching.place import Place


def machine() -> tuple[str, str]:
    """This machine's processor and Debian release."""
    text = Path("/etc/os-release").read_text("utf-8")
    found = re.search(r"^VERSION_CODENAME=\"?(\w+)", text, re.MULTILINE)
    return platform.machine(), found[1] if found else "unknown"


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser("patching")
    kept = Path("/var/lib/xunkong")
    parser.add_argument("--inbox", type=Path, default=kept / "update/inbox")
    parser.add_argument("--keep", type=Path, default=kept / "patches")
    parser.add_argument("--key", type=Path, default=Path("/etc/xunkong/release.pub"))
    args = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    serve(Place(args.inbox, args.keep, args.key), machine())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
