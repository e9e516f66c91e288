"""Asks ModemManager by its `mmcli`: slow work, for a thread of its own.

What it cannot do: connect, or enter a PIN; that is ModemManager's and NetworkManager's work. `mmcli`
must be installed (Debian `modemmanager`). Signal figures need `--signal-setup`, which a user without
the right (polkit) is refused: then the signal stays None, and the quality remains.
"""

import os
import signal
import subprocess

from hardware.errors import PartRefused, PartSilent
from hardware.modem.meaning import (
    NO_ANSWER,
    NO_MODEM,
    BadAnswer,
    Bearer,
    Modem,
    ModemReading,
    read_bearer,
    read_list,
    read_modem,
    read_signal,
)

TIMEOUT_S = 4.0
SIGNAL_EVERY_S = 30


class Mmcli:
    """Runs `command` once per question; each answer is waited for at most `timeout_s`."""

    def __init__(self, command: str = "mmcli", timeout_s: float = TIMEOUT_S) -> None:
        self._command, self._timeout_s = command, timeout_s
        self._signal_asked: str | None = None

    def read(self) -> ModemReading:
        """How the first modem is. Never raises: what went wrong is the reading's word."""
        try:
            modems = read_list(self._ask("-L", "-J"))
            return self._modem(modems[0]) if modems else ModemReading(NO_MODEM)
        except PartSilent:
            return ModemReading(NO_ANSWER)
        except (PartRefused, BadAnswer) as exc:
            return ModemReading(f"mmcli: {exc}"[:200])

    def _modem(self, path: str) -> ModemReading:
        modem = read_modem(self._ask("-m", path, "-J"))
        session, bearer = self._bearer(modem)
        return ModemReading(
            word=modem.word,
            operator=modem.operator,
            technology=modem.technology,
            signal_dbm=self._signal(path),
            quality_pct=modem.quality_pct,
            session=session,
            rx_bytes=bearer.rx_bytes if bearer else None,
            tx_bytes=bearer.tx_bytes if bearer else None,
        )

    def _bearer(self, modem: Modem) -> tuple[str | None, Bearer | None]:
        """The connected bearer; it may go between the question for its name and that for itself."""
        for path in reversed(modem.bearers):
            try:
                bearer = read_bearer(self._ask("-b", path, "-J"))
            except (PartRefused, BadAnswer):
                continue
            if bearer.connected:
                return path, bearer
        return None, None

    def _signal(self, path: str) -> float | None:
        try:
            if self._signal_asked != path:
                self._signal_asked = path
                self._ask("-m", path, f"--signal-setup={SIGNAL_EVERY_S}")
            return read_signal(self._ask("-m", path, "--signal-get", "-J"))
        except (PartRefused, BadAnswer):
            return None

    def _ask(self, *arguments: str) -> bytes:
        """What mmcli prints. Raises `PartSilent` after the time-out, `PartRefused` with its own words."""
        try:
            running = subprocess.Popen(
                [self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            raise PartRefused(f"{exc.strerror}; install modemmanager") from exc
        with running:
            try:
                said, complaint = running.communicate(timeout=self._timeout_s)
            except subprocess.TimeoutExpired as exc:
                os.killpg(running.pid, signal.SIGKILL)
                raise PartSilent(f"no answer within {self._timeout_s} s") from exc
        if running.returncode:
            raise PartRefused(
                complaint.decode("utf-8", "replace").strip()[:150] or "no reason given"
            )
        return said
