"""A simulated panel: gpiozero's mock pins, and a file that every edge of them is written to."""

import json
import time
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin


class _TracedPin(MockPWMPin):
    def _set_state(self, value: Any) -> None:
        before = self._state
        super()._set_state(value)
        if self._state != before:
            self.factory.edge(self.info.name, int(self._state))


class TracedFactory(MockFactory):
    """Mock pins whose edges go to `trace`, a JSON line each: `mono_ns`, `pin`, `value`."""

    def __init__(self, trace: Path) -> None:
        self._file = trace.open("a", encoding="ascii", buffering=1)
        super().__init__(pin_class=_TracedPin)

    def edge(self, pin: str, value: int) -> None:
        """Writes down one edge, CLOCK_MONOTONIC."""
        self._file.write(
            json.dumps({"mono_ns": time.monotonic_ns(), "pin": pin, "value": value}) + "\n"
        )

    def close(self) -> None:
        super().close()
        self._file.close()


def mock_factory(trace: Path | None) -> MockFactory:
    """Pins without a board, traced or not."""
    return TracedFactory(trace) if trace else MockFactory(pin_class=MockPWMPin)
