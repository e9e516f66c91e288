"""One unit of the rig: a real `xunkong device run` on its own card, line and clock, its reader and its officer."""

from contextlib import suppress
from pathlib import Path

from hardware.pn532.twin import Pn532Twin
from sim.chaos.ground import Card, Net
from sim.chaos.officer import Officer
from sim.city import Unit
from sim.program import Program
from sim.unit.watch import Trace

FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)
"""Debian's libfaketime; what it cannot do is the monotonic clocks, and those are to stay true."""

DOOMED = "sim.chaos.kill_at"


def find_faketime() -> str | None:
    """The library's path; None where it is not installed."""
    return next((path for path in FAKETIME if Path(path).exists()), None)


class Box:
    """A checkpoint. `net` and `faketime` None: it lives in the machine's own network, by its clock."""

    def __init__(
        self, unit: Unit, card: Card, net: Net | None, faketime: str | None, reader: Pn532Twin
    ) -> None:
        self.name, self.unit, self.card, self.net = unit.name, unit, card, net
        self.reader = reader
        self.journal = card.path / "journal.db"
        self._time = unit.folder / "time"
        self._armed = unit.folder / "armed"
        self._log = unit.folder / "log.txt"
        self._before = [*(net.into() if net else []), *self._dated(faketime)]
        run = ["device", "run", "--config", str(unit.config)]
        self._own = Program(run, self._log, before=self._before)
        self._now: Program = self._own
        self._trace = Trace(unit.trace)
        self.officer: Officer

    def _dated(self, faketime: str | None) -> list[str]:
        self.step_clock(0)
        if faketime is None:
            return []
        return [
            "env",
            f"LD_PRELOAD={faketime}",
            f"FAKETIME_TIMESTAMP_FILE={self._time}",
            "FAKETIME_CACHE_DURATION=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]

    def start(self) -> None:
        """Gives it power."""
        self._now = self._own
        self._now.start()

    def start_doomed(self, point: str, nth: int) -> None:
        """Gives it power; it dies when it reaches `point` for the `nth` time."""
        self._armed.touch()
        words = ["unit", str(self.unit.config), point, str(nth), str(self._armed)]
        self._now = Program(words, self._log, before=self._before, module=DOOMED)
        self._now.start()

    @property
    def runs(self) -> bool:
        return self._now.running

    def kill(self) -> None:
        """SIGKILL."""
        pid = self._now.pid if self._now.started else 0
        self._now.kill()
        self.officer.dark()
        _forget(pid)

    def stop(self) -> None:
        """In good order."""
        pid = self._now.pid if self._now.started else 0
        self._now.stop()
        _forget(pid)

    def step_clock(self, by_s: int) -> None:
        """Its wall clock is wrong by so much from now on, and within a second."""
        self._time.write_text(f"{by_s:+d}\n", "ascii")

    def look(self, now_ns: int) -> None:
        """Lets the officer see what the panel did."""
        self.officer.look(self._trace.news(), now_ns)

    def close(self) -> None:
        """Takes everything away."""
        self.stop()
        self.reader.stop()
        self.card.close()
        if self.net:
            self.net.close()


def _forget(pid: int) -> None:
    """What libfaketime shares in memory outlives a killed process."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        with suppress(OSError):
            Path("/dev/shm", name).unlink()
