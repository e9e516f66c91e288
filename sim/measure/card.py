"""From a card in the field to its arrival with its evidence, over the simulated chip with the real one's timing.

The chip takes 4 ms to its ACK and 1 ms more to its answer, each byte its time at 115,200 baud, and what
goes through the air its time at 106 kbit/s. How long a card takes over a command is not published;
`THINK_S` is assumed. Each tap comes at another phase of the poll. The beep comes after this: see `tap`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import Queue
from random import Random

from msgspec import Struct

from hardware.cards.examine import CardKey, examine
from hardware.cards.ntag424 import sun_template
from hardware.cards.settings import FREE, FileSettings
from hardware.cards.twin.ntag424 import Ntag424
from hardware.pn532.field import Card
from hardware.pn532.poller import CardArrived, CardLeft, Examine, NfcEvent, NfcReader
from hardware.pn532.twin import Pn532Twin
from sim.measure.row import Row
from sim.tally import percentiles

TAPS = 120
PHASE_S = 0.05
WAIT_S = 20.0
THINK_S = 0.01
UID = bytes.fromhex("04de5f1eacc040")
KEYS = [bytes((n,)) * 16 for n in range(5)]


class Kind(Struct, frozen=True):
    """A kind of tap: the card, what examines it, which proof must come of it, and the goal."""

    name: str
    card: Callable[[], Card]
    examine: Examine | None
    proof: str | None
    most_ms: float


def _plain() -> Card:
    return Card(UID)


def _ntag424() -> Card:
    contents = Ntag424(UID, KEYS)
    content, mirror = sun_template("https://example.org/t")
    contents.files[2][: len(content)] = content
    contents.settings[2] = FileSettings(FREE, 0, 0, 0, "plain", mirror)
    return Card(UID, 0x0344, 0x20, bytes.fromhex("067777710280"), contents, THINK_S)


KINDS = (
    Kind("UID", _plain, None, None, 100),
    Kind("SUN", _ntag424, partial(examine, key_for=lambda uid: None), "sun", 350),
    Kind("EV2", _ntag424, partial(examine, key_for=lambda uid: CardKey(KEYS[3])), "ev2", 350),
)


def measure(folder: Path) -> Iterator[Row]:
    """Each kind of tap by itself."""
    for kind in KINDS:
        twin = Pn532Twin(folder / f"{kind.name}.nfc")
        try:
            took = percentiles(_taps(kind, twin))
        finally:
            twin.stop()
        yield Row(f"card in the field to {kind.name}: p50", took.p50 or 0.0, "ms")
        yield Row(
            f"card in the field to {kind.name}: p99", took.p99 or 0.0, "ms", at_most=kind.most_ms
        )


def _taps(kind: Kind, twin: Pn532Twin) -> list[float]:
    said: Queue[tuple[int, NfcEvent]] = Queue()
    reader = NfcReader(
        twin.port, lambda event: said.put((time.monotonic_ns(), event)), examine=kind.examine
    )
    pause, phases, card = threading.Event(), Random(1), kind.card()
    reader.start()
    try:
        _next(said, CardArrived, twin.present(card))
        _next(said, CardLeft, twin.remove())
        took = []
        for _ in range(TAPS):
            pause.wait(phases.uniform(0, PHASE_S))
            took.append(_tap(kind, card, twin, said))
    finally:
        reader.stop()
    return took


def _tap(kind: Kind, card: Card, twin: Pn532Twin, said: "Queue[tuple[int, NfcEvent]]") -> float:
    """One tap, in milliseconds. Raises `RuntimeError` where the proof is not the kind's."""
    begun_ns = twin.present(card)
    arrived_ns, event = _next(said, CardArrived, begun_ns)
    proof = getattr(getattr(event, "evidence", None), "proof", None)
    if proof != kind.proof:
        raise RuntimeError(f"the card proved {proof}, not {kind.proof}: {event}")
    _next(said, CardLeft, twin.remove())
    return (arrived_ns - begun_ns) / 1e6


def _next(
    said: "Queue[tuple[int, NfcEvent]]", kind: type[NfcEvent], since_ns: int
) -> tuple[int, NfcEvent]:
    """The next event of this kind, and when it was said."""
    while True:
        at_ns, event = said.get(timeout=WAIT_S)
        if isinstance(event, kind) and at_ns >= since_ns:
            return at_ns, event
