"""A virtual Pi that starts itself anew, as a board does: its power stays on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.virtual_pi.pi import Pi

LOOK_S = 0.1


@contextmanager
def left_on(pi: Pi) -> Iterator[Pi]:
    """While it lasts, `pi` comes back from a reboot by itself. Nobody else may cut its power meanwhile."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            if pi.asked_for_reboot():
                pi.power_cut()
                pi.spark()

    watcher = threading.Thread(target=look, name=f"left-on-{pi.name}", daemon=True)
    watcher.start()
    try:
        yield pi
    finally:
        over.set()
        watcher.join(10)
