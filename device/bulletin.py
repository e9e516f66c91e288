"""Where the running unit puts up how it is, for whoever looks on the same machine: one file, in memory.

It is replaced as a whole every two seconds, and costs the card nothing: below /run, as systemd made it for the
service. Where nobody made a folder (on a bench), nothing is put up, unless `RUNTIME_DIRECTORY` names one.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from device.core.present import Present

FOLDER = Path("/run/xunkong-device")
NAME = "present.json"
EVERY_S = 2.0
MOST_BYTES = 256 * 1024

log = logging.getLogger("xunkong.device")


class Bulletin:
    """One unit's. `folder` None: nobody looks."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / NAME if folder else None
        self._complained = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Bulletin":
        """In the first folder that systemd made for this service."""
        first = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        return cls(Path(first) if first else None)

    def post(self, present: Present) -> None:
        """Puts it up. Where that fails it is told once: the work goes on without."""
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
                file.write(msgspec.json.encode(present))
            new.replace(self._path)
        except OSError as exc:
            if not self._complained:
                log.error("%s: %s; device status will not know the present", self._path, exc)
            self._complained = True

    def take_down(self) -> None:
        """The unit says no more."""
        if self._path:
            self._path.unlink(missing_ok=True)


def read(folder: Path = FOLDER) -> Present | None:
    """What was put up last; None where nothing is, or nothing that can be read."""
    try:
        with (folder / NAME).open("rb") as file:
            return msgspec.json.decode(file.read(MOST_BYTES), type=Present)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
