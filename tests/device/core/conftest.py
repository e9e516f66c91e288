"""A unit without hands: a journal in memory and a runner that performs effects at once; time is given."""

from collections import defaultdict, deque
from itertools import count

import msgspec
import pytest

from device.core import effects as ef
from device.core import events as ev
from device.core.agent import Agent
from device.core.moment import Now
from device.core.station import Budgets, Identity, Means, Memory, NoCards, Notes
from device.link.delivery import Head
from tests.device.core import updating
from tests.keys import SIGNER, Believing
from tests.roster import badge
from wire import chain, codec, topics
from wire.batch import decode_batch, encode_batch, encode_record
from wire.cards.digest import card_digest
from wire.live import Hello, State, WorkerState
from wire.orders import Ack, ConfigMessage, OrderMessage, Sampling, UnitConfig

UTC0 = 1_763_890_000_000
"""The true time at up_ms 0; the wall clock of a unit without a battery says 1970."""

TIED = (ef.Signal, ef.Save, ef.Light)
BADGES = (
    badge("04a1b2c3", "p-1"),
    badge("04a1b2c4", "p-2", revoked=True),
    badge("04a1b2c5", "p-3", valid_to_ms=UTC0),
    badge("04a1b2c6", "p-4", valid_from_ms=UTC0 + 3_600_000),
    badge("04a1b2c7", "p-5"),
)


def _named(card):
    """A badge or a duty card, which a test may give as a dict with its UID."""
    if not isinstance(card, dict):
        return msgspec.to_builtins(card)
    uid = card.get("uid")
    fields = {name: value for name, value in card.items() if name != "uid"}
    return fields if uid is None else {"card": card_digest(b"", uid), **fields}


class Journal:
    """Logs in memory; `broken` is what it says while it takes nothing."""

    def __init__(self):
        self.raws, self.records = defaultdict(list), []
        self.current = {"event": "e" * 16, "track": "f" * 16}
        self.fixes, self.saved, self.acked, self.broken = [], {}, {}, None

    def append(self, stream, record):
        log = self.current[stream]
        self.raws[log].append(encode_record(record))
        self.records.append(record)
        return ev.Kept(stream, log, len(self.raws[log]), stream == "event", record)

    def chain_at(self, stream, log, seq):
        del stream
        return chain.walk(chain.START, self.raws[log][:seq])[-1] if seq else chain.START

    def heads(self):
        return [
            Head(
                stream, log, 1, len(self.raws[log]), self.chain_at(stream, log, len(self.raws[log]))
            )
            for stream, log in self.current.items()
        ]


class Unit:
    """An agent and its runner: `happen` feeds an event; what came of it is in the lists."""

    def __init__(
        self,
        role="checkpoint",
        journal=None,
        saved=None,
        ignition=None,
        camera=False,
        photo_share=0.5,
        feed_clock=False,
        cards=None,
        budgets=None,
        signer=None,
        trust=None,
        certificate=None,
        slots=None,
        up_ms=1_000,
        **memory,
    ):
        self.journal = journal or Journal()
        self.journal.saved |= saved or {}
        self.up_ms, self.wall_ms = up_ms, 0
        self.releases = {}
        self.signals, self.published, self.effects, self.lights = [], [], [], []
        self.taken = True
        nonces = count(1)
        memory = Memory(
            self.journal.heads(),
            self.journal,
            "power_cut",
            notes=Notes(self.journal.saved.get),
            **memory,
        )
        means = Means(
            lambda: 0.5,
            lambda: f"{next(nonces):032x}",
            signer or SIGNER,
            trust or Believing(),
            lambda: (None, None),
            UTC0 - 86_400_000,
            ignition,
            camera=camera,
            photo_share=photo_share,
            feed_clock=feed_clock,
            cards=cards or NoCards(),
            budgets=budgets or Budgets(),
            certificate=certificate or (lambda: None),
            slots=slots,
        )
        self.agent = Agent(Identity("v-1", role, "9c1b22f0", "0.4.0"), memory, means)
        self._waiting = deque()
        self._perform(self.agent.start(memory, self.now))
        self._settle()

    # Time and events

    @property
    def now(self):
        return Now(self.up_ms, self.wall_ms)

    def happen(self, event, at_ms=None):
        """`event` at `at_ms` (now, if not given)."""
        self.up_ms = at_ms or self.up_ms
        self._waiting.append(event)
        self._settle()

    def wait(self, ms, step_ms=250):
        """Time passes, tick by tick."""
        end_ms = self.up_ms + ms
        while self.up_ms < end_ms:
            self.happen(ev.Tick(), min(end_ms, self.up_ms + step_ms))

    def _settle(self):
        while self._waiting:
            self._perform(self.agent.handle(self._waiting.popleft(), self.now))

    # The runner

    def _perform(self, effects):
        failed = False
        for effect in effects:
            if failed and isinstance(effect, TIED):
                continue
            self.effects.append(effect)
            if isinstance(effect, ef.LookForRelease | ef.KeepPiece):
                self._waiting.append(self._release(effect))
            failed = self._one(effect) is False

    def _one(self, effect):
        journal, told = self.journal, self._waiting
        match effect:
            case ef.Keep() | ef.CloseSegment() | ef.Save() | ef.KeepFix() if journal.broken:
                told.append(ev.KeepFailed(getattr(effect, "record", None), journal.broken))
                return False
            case ef.Keep(record):
                told.append(journal.append("event", record))
            case ef.CloseSegment(record):
                journal.fixes.clear()
                told.append(journal.append("track", record))
            case ef.KeepFix(fix):
                journal.fixes.append(fix)
            case ef.Save(name, value):
                journal.saved[name] = msgspec.json.decode(msgspec.json.encode(value))
                told.append(ev.Saved(name))
            case ef.Sync():
                told.append(ev.Synced(journal.current["track"], 0))
            case ef.BeginLog(stream):
                journal.current[stream] = "d" * 16
                told.append(ev.LogBegan(stream, "d" * 16))
            case ef.Acknowledge(stream, log, below, store):
                journal.acked[log] = (below, store)
            case ef.Signal(pattern):
                self.signals.append(pattern)
            case ef.Light(trouble):
                self.lights.append(trouble)
            case ef.Publish(topic, payload, _, _, token):
                self._publish(topic, payload, token)
            case ef.SendBatch():
                self._send(effect)
        return True

    def _release(self, effect):
        held = self.releases.get(effect.sha256, b"")
        if isinstance(effect, ef.KeepPiece) and effect.offset == len(held):
            held = self.releases[effect.sha256] = held + effect.data
        return ev.ReleaseHeld(effect.sha256, len(held))

    def _send(self, asked):
        raws = self.journal.raws[asked.log][asked.first - 1 :][: asked.max_count]
        prev = self.journal.chain_at(asked.stream, asked.log, asked.first - 1)
        payload = encode_batch(asked.log, asked.first, prev, raws)
        last = asked.first + len(raws) - 1
        self._waiting.append(ev.Dispatched(asked.token, asked.first, last, len(payload)))
        self._publish(topics.log("v-1", asked.stream), payload, asked.token)

    def _publish(self, topic, payload, token):
        self.published.append((self.up_ms, topic, payload))
        if self.taken:
            self._waiting.append(ev.Handed(token))

    # What the test asks and says

    @property
    def armed(self):
        """The keys that the card reader was given last."""
        return [effect.keys for effect in self.effects if isinstance(effect, ef.Arm)][-1]

    def kept(self, kind):
        """The records of `kind` in the journal."""
        return [record for record in self.journal.records if isinstance(record, kind)]

    def said(self, topic, kind=None):
        """What was published on `topic`: (moment, message)."""
        decode = decode_batch if kind is None else lambda payload: codec.decode(payload, kind)
        return [(t, decode(payload)) for t, where, payload in self.published if where == topic]

    def states(self):
        return [state for _, state in self.said(topics.state("v-1"), State)]

    def hear(self, topic, message, retained=False):
        payload = message if isinstance(message, bytes) else codec.encode(message)
        self.happen(ev.Heard(topic, payload, retained))

    def link(self, conn=1):
        """A broker is there, and a gateway that says so."""
        self.happen(ev.LinkUp(conn, "broker:8883"))
        self.hear(topics.worker_state("w1"), WorkerState(1, True, "store-1"), retained=True)

    @property
    def nonce(self):
        """Of the latest greeting; None before the first."""
        return self.agent._downlink.nonce or None

    def gateway_has(self, stream, below, now_ms=UTC0, h=None, log=None, store="store-1"):
        log = log or self.journal.current[stream]
        h = h or self.journal.chain_at(stream, log, below - 1).hex()
        self.hear(topics.ack("v-1", stream), Ack(1, log, below, h, store, now_ms, self.nonce))

    def configure(self, version=1, unit="v-1", retained=True, **config):
        for name in ("badges", "duties"):
            config[name] = [_named(card) for card in config.get(name, [])]
        message = ConfigMessage(1, unit, version, msgspec.convert(config, UnitConfig))
        self.hear(topics.config("v-1"), message, retained)

    def order(self, retained=False, **changes):
        """An order with the nonce of the latest hello, in `changes` otherwise."""
        hellos = self.said(topics.hello("v-1"), Hello)
        nonce = hellos[-1][1].nonce if hellos else "0" * 32
        order = OrderMessage(1, "v-1", "o-1", nonce, UTC0, UTC0 + 60_000, "go")
        self.hear(topics.order("v-1"), msgspec.structs.replace(order, **changes), retained)

    def clock(self, source="gnss", utc_ms=None, err_ms=100):
        """The time is heard from `source`; the true one if not given."""
        utc_ms = UTC0 + self.up_ms if utc_ms is None else utc_ms
        self.happen(ev.TimeHeard(source, utc_ms, err_ms, self.up_ms))

    def fix(self, at_ms=None, lat=27.0, lon=111.0, clock_ok=True, utc_ms=None, **more):
        """A fix of the receiver, at the true time if not given."""
        self.up_ms = at_ms or self.up_ms
        utc_ms = UTC0 + self.up_ms if utc_ms is None else utc_ms
        self.happen(ev.Fix(self.up_ms, lat, lon, utc_ms, clock_ok, **more))

    def drive(self, seconds, m_s=10.0, per_s=1, **more):
        """Drives north for so long; gives the last latitude."""
        lat = more.pop("lat", 27.0)
        for _ in range(seconds * per_s):
            lat += m_s / per_s / 111_320
            more_now = {"speed_m_s": m_s, "course_deg": 0.0} | more
            self.fix(self.up_ms + 1000 // per_s, lat=lat, **more_now)
        return lat

    def tap(self, uid="04a1b2c3", at_ms=None, proof="uid", sun=None, forged=False):
        self.up_ms = at_ms or self.up_ms
        self.happen(ev.CardShown(uid, self.up_ms, proof, sun, forged))

    def button(self, name, pressed):
        self.happen(ev.ButtonMoved(name, pressed, self.up_ms))


@pytest.fixture(scope="session")
def make_unit():
    """Makes a unit with a role and a memory of the test's own."""
    return Unit


@pytest.fixture
def bare():
    """A checkpoint that just started, without configuration, clock or link."""
    return Unit()


@pytest.fixture
def checkpoint():
    """A checkpoint with a roster and the time."""
    unit = Unit()
    unit.clock("ntp")
    unit.configure(place="pl-1", badges=list(BADGES))
    return unit


@pytest.fixture
def vehicle():
    """A vehicle with a roster and the time."""
    unit = Unit("vehicle")
    unit.clock("ntp")
    unit.configure(badges=list(BADGES), sampling=Sampling())
    return unit


@pytest.fixture(scope="session")
def utc0():
    """The true UTC ms at up_ms 0."""
    return UTC0


@pytest.fixture
def box(make_unit):
    unit = make_unit(slots=updating.SLOTS["a"])
    unit.happen(updating.CALM)
    return updating.linked(unit)
