"""A narrow way to a broker: a TCP relay that is as slow, as far and as lossy as a 2G link; netem's stand-in.

A relay cannot lose a byte of TCP; what a loss costs is what it plays: the segment is carried twice, and it and
all behind it wait for the retransmission, which comes a round trip and a little later (RFC 6298).
"""

import queue
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec import Struct

SEGMENT_BYTES = 1_400
HEAD_BYTES = 52
"""IP and TCP, with time stamps."""

BUFFER_SEGMENTS = 64
"""What a modem holds; then the sender is held back."""

LEAST_RTO_S = 0.2
END_S = 5.0


class Road(Struct, frozen=True):
    """Each direction carries `bytes_s`, takes `delay_s` one way, and loses each segment with chance `loss`."""

    bytes_s: float
    delay_s: float
    loss: float = 0.0


class _Lane:
    """One direction. All connections share it; each segment leaves when those before it are gone."""

    def __init__(self, road: Road, seed: int) -> None:
        self._road, self._chance = road, random.Random(seed)
        self._lock = threading.Lock()
        self._free_s = 0.0
        self.carried_bytes = 0

    def arrival_s(self, size: int, now_s: float) -> float:
        """When a segment of `size` bytes that is ready at `now_s` is over, on the monotonic clock."""
        road = self._road
        with self._lock:
            lost = self._chance.random() < road.loss
            self._free_s = (
                max(now_s, self._free_s) + (1 + lost) * (size + HEAD_BYTES) / road.bytes_s
            )
            self.carried_bytes += size + HEAD_BYTES
            again_s = 2 * road.delay_s + LEAST_RTO_S if lost else 0.0
            return self._free_s + road.delay_s + again_s


class Narrow:
    """Listens on `port` of 127.0.0.1. Threads: one accepts; four for each connection read and carry bytes."""

    def __init__(self, port: int, road: Road, seed: int = 1) -> None:
        self._target = port
        self.up, self.down = _Lane(road, seed), _Lane(road, seed + 1)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._begin(self._accept)

    def close(self) -> None:
        """Ends it, and what is connected; what is still under way is dropped."""
        self._closing.set()
        _shut(self._server)
        self._threads[0].join(timeout=END_S)
        for end in self._open:
            _shut(end)
        self._server.close()
        for thread in self._threads:
            thread.join(timeout=END_S)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return  # closed
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                near.close()
                continue  # there is no broker now
            far.settimeout(None)
            self._open |= {near, far}
            self._join(near, far, self.up)
            self._join(far, near, self.down)

    def _join(self, one: socket.socket, other: socket.socket, lane: _Lane) -> None:
        held: queue.Queue[tuple[float, bytes]] = queue.Queue(BUFFER_SEGMENTS)
        self._begin(_read, one, held, lane)
        self._begin(self._carry, held, other)

    def _begin(self, work: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=work, args=given, name="narrow", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _carry(self, held: "queue.Queue[tuple[float, bytes]]", other: socket.socket) -> None:
        """Empty bytes are the end of the connection, which travels like all else, and always comes: whoever reads
        is never held back by a lane that carries no more.
        """
        arrived_s, data = 0.0, b" "
        with suppress(OSError):
            while data:
                due_s, data = held.get()
                arrived_s = max(arrived_s, due_s)
                if self._closing.wait(max(0.0, arrived_s - time.monotonic())):
                    break
                other.sendall(data)
        _shut(other)
        while data:
            _, data = held.get()


def _read(one: socket.socket, held: "queue.Queue[tuple[float, bytes]]", lane: _Lane) -> None:
    """It alone closes `one`, when nothing more comes: shut down, it wakes whoever sends there."""
    data = b" "
    while data:
        try:
            data = one.recv(SEGMENT_BYTES)
        except OSError:
            data = b""
        held.put((lane.arrival_s(len(data), time.monotonic()), data))
    one.close()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
