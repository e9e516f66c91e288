"""What systemd says of the unit's services; nothing where there is none, or they are not installed."""

import subprocess

from msgspec import Struct

DEVICE, SAFE_MODE = "xunkong-device.service", "xunkong-safe-mode.service"
ASKED = ("LoadState", "ActiveState", "SubState", "StatusText", "NRestarts")
ANSWER_S = 5.0


class ServiceSaid(Struct, frozen=True):
    """A service: `active` is systemd's word (active, activating, failed, inactive …), `line` the service's own."""

    active: str
    sub: str
    line: str
    restarts: int


def ask(unit: str, command: str = "systemctl") -> ServiceSaid | None:
    """How `unit` is; None where that cannot be known."""
    words = [command, "show", "--no-pager", *(f"--property={name}" for name in ASKED), unit]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=ANSWER_S, check=False, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    said = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    if done.returncode or said.get("LoadState") != "loaded":
        return None
    restarts = said.get("NRestarts", "")
    return ServiceSaid(
        said.get("ActiveState", "?"),
        said.get("SubState", "?"),
        said.get("StatusText", ""),
        int(restarts) if restarts.isdigit() else 0,
    )
