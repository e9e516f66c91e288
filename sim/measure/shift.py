"""A unit's shift in simulated time: the real agent, performer and journal on a real disk, and a gateway's answers.

What is simulated is what comes in: fixes of a drive, taps, gauges, and acknowledgements as a gateway gives
them, at once. No thread, no broker: an hour takes seconds, and what it writes is what an hour writes.
"""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from device.config import HealthSection
from device.core import events as ev
from device.core.agent import Agent
from device.core.clock import BUILT_MS
from device.core.moment import Now
from device.core.station import Budgets, Identity, Means, NoCards
from device.journal.journal import Journal
from device.memory import begin_run, recall
from device.papers import Papers
from device.parts import NoPanel
from device.performer import Performer
from device.trust import GatewayTrust
from gateway.keys import GatewayKeys
from sim.keys import CityKeys
from wire import codec, topics
from wire.batch import decode_batch
from wire.chain import START
from wire.live import Hello, Role, WorkerState
from wire.orders import Ack, ConfigMessage, UnitConfig
from wire.records import Stream

UNIT, BOOT, STORE = "shift-1", "9c1b22f0", "store-1"
UTC0_MS = 1_795_000_000_000
GAUGES_MS, CLOCK_MS = 10_000, 10_000
BUDGET_BYTES_DAY = HealthSection().sd_write_mb_day * 2**20


class _Gateway:
    """Takes every message and acknowledges what it says; `put` hears the answers."""

    def __init__(self, put: Callable[[ev.Event], None], keys: GatewayKeys) -> None:
        self._put, self.keys = put, keys
        self.now_ms = UTC0_MS
        self._nonce: str | None = None

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, token: int) -> bool:
        """As `MqttLink.publish`, with a broker that is always there."""
        del qos, retain
        self._put(ev.Handed(token))
        about = topics.parse(topic)
        if topic == topics.hello(UNIT):
            hello = codec.decode(payload, Hello)
            self._nonce = hello.nonce
            for head in hello.logs:
                self._answer(head.stream, head.log, 1, START)
        elif isinstance(about, topics.Up) and about.stream:
            batch = decode_batch(payload)
            self._answer(about.stream, batch.log, batch.first + len(batch.raws), batch.hs[-1])
        return True

    def hurry(self) -> None:
        """Nothing waits for a broker."""

    def _answer(self, stream: Stream, log: str, below: int, h: bytes) -> None:
        ack = Ack(1, log, below, h.hex(), STORE, self.now_ms, self._nonce)
        topic = topics.ack(UNIT, stream)
        said = codec.encode_signed(ack, topic, self.keys)
        self._put(ev.Heard(topic, said, retained=False))


class Shift:
    """One unit with its journal in `folder`. `with` closes the journal."""

    def __init__(self, role: Role, folder: Path, config: UnitConfig) -> None:
        self.up_ms = 1_000
        self.journal = Journal.open(folder / "journal.db")
        self._inbox: deque[ev.Event] = deque()
        papers = _papers(folder)
        self._keys = GatewayKeys(folder / "keys")
        self._gateway = _Gateway(self._inbox.append, self._keys)
        self._performer = Performer(
            UNIT,
            self.journal,
            NoPanel(),
            self._gateway,
            papers,
            self._inbox.append,
            _nothing,
            lambda span: self._agent.declaration(span, self._now),
        )
        memory = recall(self.journal, begin_run(self.journal, BOOT))
        self._agent = Agent(Identity(UNIT, role, BOOT, "0"), memory, _means(papers))
        self._hear(self._performer.perform(self._agent.start(memory, self._now)))
        self._greet(config)

    def __enter__(self) -> "Shift":
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    @property
    def _now(self) -> Now:
        return Now(self.up_ms, UTC0_MS + self.up_ms)

    def _greet(self, config: UnitConfig) -> None:
        self.happen(ev.LinkUp(1, "broker"))
        cert = self._keys.certificate.text
        worker = codec.encode(WorkerState(1, True, STORE, cert=cert))
        self.happen(ev.Heard(topics.worker_state("w1"), worker, retained=True))
        message, topic = ConfigMessage(1, UNIT, 1, config), topics.config(UNIT)
        wanted = codec.encode_signed(message, topic, self._keys)
        self.happen(ev.Heard(topic, wanted, retained=True))

    def happen(self, event: ev.Event) -> None:
        """`event` now, and what comes of it."""
        self._gateway.now_ms = UTC0_MS + self.up_ms
        self._inbox.append(event)
        while self._inbox:
            self._hear([self._inbox.popleft()])

    def _hear(self, told: Iterable[ev.Event]) -> None:
        """As the runner does: what came of effects goes to the agent before anything new."""
        waiting = deque(told)
        while waiting:
            effects = self._agent.handle(waiting.popleft(), self._now)
            waiting.extend(self._performer.perform(effects))

    def go_on(self, second: int, seen: Iterable[ev.Event]) -> None:
        """What a second of the shift brings: `seen`, the clock's word and the gauges in their turn, a tick."""
        self.up_ms = 1_000 + second * 1000
        if self.up_ms % CLOCK_MS == 0:
            self.happen(ev.TimeHeard("ntp", UTC0_MS + self.up_ms, 50, self.up_ms))
        if self.up_ms % GAUGES_MS == 0:
            written = ("card", second * 10_000)
            self.happen(ev.Measured(48.0, 9_000, 300, 0, 200, written))
        for event in seen:
            self.happen(event)
        self.happen(ev.Tick())


def _nothing(again: bool) -> None:
    """There is no power to turn off."""
    del again


def _papers(folder: Path) -> Papers:
    CityKeys(folder / "keys").enrol(UNIT, folder / "identity")
    papers = Papers(UNIT, folder / "identity")
    papers.load()
    return papers


def _means(papers: Papers) -> Means:
    return Means(
        jitter=lambda: 0.5,
        nonce=lambda: "0" * 32,
        signer=papers,
        verifier=GatewayTrust(papers.authority, None),
        introduction=lambda: (papers.shown, None),
        floor_ms=BUILT_MS,
        cards=NoCards(),
        ignition=None,
        budgets=Budgets(sd_bytes_day=BUDGET_BYTES_DAY),
    )
