"""The threads that look at the computer and the modem now and then, and put what they saw into the inbox.

Two threads: an `mmcli` that hangs must not hold up the look at the supply.
"""

import threading
from collections.abc import Callable, Mapping

from device.core import events as ev
from hardware.board.readings import BoardReading
from hardware.modem.meaning import ModemReading

BOARD_EVERY_S = 10.0
MODEM_EVERY_S = 30.0
STOP_S = 2.0


class Rounds:
    """Calls `look` at once and every `every_s` after; what it returns is put. `look` may wait, and never raises."""

    def __init__(
        self,
        name: str,
        every_s: float,
        look: Callable[[], ev.Event],
        put: Callable[[ev.Event], None],
    ) -> None:
        self._every_s, self._look, self._put = every_s, look, put
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins to look, and goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Ends within `STOP_S`, whatever `look` waits for; what it finds after that is not put."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=STOP_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            seen = self._look()
            if not self._stop.is_set():
                self._put(seen)
            self._stop.wait(self._every_s)


def measured(found: BoardReading, heard_ms: Mapping[str, int]) -> ev.Measured:
    """The board's gauges as the core takes them. `heard_ms`: when each part last gave a sign of life."""
    written = found.written
    return ev.Measured(
        cpu_c=found.cpu_c,
        disk_free_mb=found.disk_free_mb,
        mem_mb=found.mem_mb,
        throttled=found.throttled,
        mem_free_mb=found.mem_free_mb,
        written=(written.session, written.total_bytes) if written else None,
        heard_ms=dict(heard_ms),
    )


def modem_said(found: ModemReading, boot: str) -> ev.ModemSaid:
    """The modem's reading as the core takes it. ModemManager counts its bearers anew with each `boot`."""
    return ev.ModemSaid(
        word=found.word,
        operator=found.operator,
        technology=found.technology,
        signal_dbm=found.signal_dbm,
        quality_pct=found.quality_pct,
        session=f"{boot} {found.session}" if found.session else None,
        rx_bytes=found.rx_bytes,
        tx_bytes=found.tx_bytes,
    )
