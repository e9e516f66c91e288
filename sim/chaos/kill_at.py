"""A process of ours that kills itself at a named point.

`python -m sim.chaos.kill_at unit|ingest|forward CONFIG POINT NTH ARMED`

It dies by SIGKILL at the NTH time that it reaches POINT while the file ARMED is there.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from device.config import load as load_device
from device.runner import Runner
from gateway.config import load as load_gateway
from gateway.forward.worker import Forwarder
from gateway.ingest.worker import Worker
from gateway.store.open import open_store

Reached = Callable[[str], None]


def fuse(point: str, nth: int, armed: Path) -> Reached:
    """What is called at every point of the process."""
    met = 0

    def reached(name: str) -> None:
        nonlocal met
        met += name == point and armed.exists()
        if met == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def run_unit(config: Path, reached: Reached, stop: threading.Event) -> None:
    """As `xunkong device run` does it."""
    Runner(load_device(config), config, "0.0.0", reached).run(stop)


def run_ingest(config: Path, reached: Reached, stop: threading.Event) -> None:
    """As `xunkong gateway ingest` does it."""
    loaded = load_gateway(config)
    store = open_store(loaded.store.url)
    Worker(loaded, store, reached).run(stop)
    store.close()


def run_forward(config: Path, reached: Reached, stop: threading.Event) -> None:
    """As `xunkong gateway forward` does it."""
    loaded = load_gateway(config)
    store = open_store(loaded.store.url)
    Forwarder(loaded, store, reached).run(stop)
    store.close()


def main(what: str, config: str, point: str, nth: str, armed: str) -> None:
    """Runs until it dies, or is told to end."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    table = {"unit": run_unit, "ingest": run_ingest, "forward": run_forward}
    table[what](Path(config), fuse(point, int(nth), Path(armed)), stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
