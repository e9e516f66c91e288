"""Whatever the broker loses, repeats or turns round: in the end every record is committed once.

A model gateway commits contiguous, hash-joined prefixes only, as the contract has it.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct

from device.core.effects import Acknowledge, SendBatch
from device.link.delivery import WINDOW
from wire import chain
from wire.live import WorkerState
from wire.orders import Ack

STREAM_OF = {"e" * 16: "event", "f" * 16: "track"}


class Sent(Struct, frozen=True):
    """A batch on its way up."""

    log: str
    first: int
    prev: bytes
    raws: tuple[bytes, ...]


class ModelGateway:
    """Commits what joins what it has; answers with what it has."""

    def __init__(self):
        self.store, self.kept = 1, {log: [] for log in STREAM_OF}

    def head(self, log):
        return chain.walk(chain.START, self.kept[log])[-1] if self.kept[log] else chain.START

    def take(self, batch):
        kept = self.kept[batch.log]
        if batch.first <= len(kept) + 1:
            known = len(kept) + 1 - batch.first
            assert kept[batch.first - 1 :][: len(batch.raws)] == list(batch.raws[:known])
            if batch.first == len(kept) + 1:
                assert batch.prev == self.head(batch.log)
            kept.extend(batch.raws[known:])
        return self.answer(batch.log)

    def answer(self, log):
        return Ack(1, log, len(self.kept[log]) + 1, self.head(log).hex(), f"s{self.store}", 0)

    def restore(self, share):
        """An older copy of the store takes its place."""
        self.store += 1
        self.kept = {log: kept[: int(len(kept) * share)] for log, kept in self.kept.items()}


def test_the_model_commits_only_what_joins():
    gateway, log = ModelGateway(), "e" * 16
    assert gateway.take(Sent(log, 2, b"", (b"b",))).next == 1
    assert gateway.take(Sent(log, 1, chain.START, (b"a", b"b"))).next == 3
    h = chain.walk(chain.START, [b"a", b"b"])[-1]
    assert gateway.take(Sent(log, 2, b"", (b"b", b"c"))).next == 4
    assert gateway.answer(log).h == chain.link(h, b"c").hex()


class Journey(RuleBasedStateMachine):
    """A unit, a broker that misbehaves, and the model gateway."""

    make_bench = None

    @initialize(
        jitter=st.floats(0, 1),
        per=st.sampled_from([1, 1, 2, 3, 30]),
        reconnects=st.booleans(),
        greeted=st.booleans(),
        records=st.integers(1, 60),
    )
    def begin(self, jitter, per, reconnects, greeted, records):
        self.reconnects = reconnects
        self.told = {}
        self.bench = type(self).make_bench(jitter=jitter)
        self.bench.per = per
        self.delivery, self.rows = self.bench.delivery, self.bench.rows
        self.gateway = ModelGateway()
        self.up_ms, self.answered = 0, set()
        self.ups, self.downs, self.untaken = [], [], []
        if greeted:
            self.connect()
            self.behave(2)
        self.write_down("e" * 16, records)

    # The unit

    @rule(log=st.sampled_from(sorted(STREAM_OF)), records=st.integers(1, 60))
    def write_down(self, log, records):
        self.bench.grow(STREAM_OF[log], records)
        self.unit_works()

    @rule(ms=st.sampled_from([0, 100, 1_000, 5_000, 70_000, 400_000]))
    def time_passes(self, ms):
        self.up_ms += ms
        self.unit_works()

    def unit_works(self):
        if self.delivery.hello_due(self.up_ms):
            self.ups.append("hello")
        while effects := self.delivery.due(self.up_ms):
            (asked,) = effects
            self.dispatch(asked)

    def dispatch(self, asked):
        assert isinstance(asked, SendBatch)
        assert asked.log in self.answered, "sent before the gateway answered"
        raws = tuple(self.rows.raws[asked.log][asked.first - 1 :][: self.bench.per])
        assert raws, "asked for what is not there"
        last = asked.first + len(raws) - 1
        prev = self.rows.hs[asked.log][asked.first - 1]
        self.ups.append(Sent(asked.log, asked.first, prev, raws))
        self.untaken.append(asked.token)
        self.delivery.dispatched(asked.token, last, asked.first, 500, self.up_ms)

    # The broker

    @precondition(lambda self: not self.delivery.link_up)
    @rule()
    def connect(self):
        self.answered.clear()
        self.delivery.connected(self.up_ms)
        self.unit_works()

    @precondition(lambda self: self.delivery.link_up)
    @rule()
    def break_off(self):
        self.delivery.disconnected()
        self.untaken.clear()

    @rule(count=st.integers(1, 40))
    def take(self, count):
        taken, self.untaken = self.untaken[:count], self.untaken[count:]
        for token in taken:
            self.delivery.taken(token, self.up_ms)

    @precondition(lambda self: self.ups)
    @rule(at=st.integers(0, 99), again=st.booleans())
    def carry_up(self, at, again):
        at %= len(self.ups)
        self.gateway_hears(self.ups[at] if again else self.ups.pop(at))

    @precondition(lambda self: self.ups)
    @rule(at=st.integers(0, 99))
    def lose_up(self, at):
        self.ups.pop(at % len(self.ups))

    @precondition(lambda self: self.downs and self.delivery.link_up)
    @rule(at=st.integers(0, 99), again=st.booleans())
    def carry_down(self, at, again):
        at %= len(self.downs)
        self.unit_hears(self.downs[at] if again else self.downs.pop(at))

    @precondition(lambda self: self.downs)
    @rule(at=st.integers(0, 99))
    def lose_down(self, at):
        self.downs.pop(at % len(self.downs))

    # The gateway

    def gateway_hears(self, message):
        answers = list(STREAM_OF) if message == "hello" else [message.log]
        if message != "hello":
            self.gateway.take(message)
        self.downs += [self.gateway.answer(log) for log in answers]

    def unit_hears(self, ack):
        self.answered.add(ack.log)
        asked = self.delivery._flows[STREAM_OF[ack.log], ack.log].asked
        for effect in self.delivery.acknowledged(STREAM_OF[ack.log], ack):
            assert effect == Acknowledge(STREAM_OF[ack.log], ack.log, ack.next, ack.store)
            store, below = self.told.get(ack.log, (ack.store, 0))
            assert asked or store != ack.store or below < ack.next, "acknowledged backwards"
            self.told[ack.log] = (ack.store, ack.next)
        self.unit_works()

    @rule(share=st.floats(0, 1))
    def restore(self, share):
        self.gateway.restore(share)

    @precondition(lambda self: self.delivery.link_up)
    @rule(online=st.booleans())
    def worker(self, online):
        store = f"s{self.gateway.store}"
        self.delivery.worker("w1", WorkerState(1, online, store), self.up_ms)
        if not online and not self.delivery.gateway_here:
            assert self.delivery.due(self.up_ms + 10**6) == []

    # What must always hold

    @invariant()
    def the_gateway_has_a_prefix_of_what_was_written(self):
        for log, kept in self.gateway.kept.items():
            assert kept == self.rows.raws[log][: len(kept)]

    @invariant()
    def the_window_is_kept(self):
        for flow in self.delivery._flows.values():
            assert len(flow.in_flight) <= WINDOW

    @rule(rounds=st.integers(1, 3))
    def behave(self, rounds):
        """For a while everything arrives, once and in order."""
        for _ in range(rounds):
            self.take(999)
            ups, self.ups = self.ups, []
            for message in ups:
                self.gateway_hears(message)
            downs, self.downs = self.downs, []
            for ack in downs if self.delivery.link_up else ():
                self.unit_hears(ack)
            self.up_ms += 5_000
            self.unit_works()

    def teardown(self):
        """What was on its way is lost; from here on the broker behaves."""
        self.ups.clear()
        self.downs.clear()
        if self.delivery.link_up and self.reconnects:
            self.break_off()
        if not self.delivery.link_up:
            self.connect()
        self.worker(True)
        self.behave(200)
        assert self.gateway.kept == {log: self.rows.raws[log] for log in STREAM_OF}
        assert self.delivery.queue() == {"event": 0, "track": 0}
        assert not any(isinstance(message, Sent) for message in self.ups)


@pytest.mark.timeout(60)
def test_every_record_is_committed_once_and_acknowledged(make_bench):
    class Here(Journey):
        pass

    Here.make_bench = staticmethod(make_bench)
    case = Here.TestCase("runTest")
    case.settings = settings(max_examples=150, stateful_step_count=50)
    case.runTest()
