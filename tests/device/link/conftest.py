"""A bench for the delivery: a journal's chains in memory, and time as the test gives it."""

from collections import defaultdict
from itertools import count

import pytest

from device.core.effects import SendBatch
from device.link.delivery import Delivery, Head
from wire import chain
from wire.live import WorkerState
from wire.orders import Ack

LOGS = {"event": "e" * 16, "track": "f" * 16}
OLD_LOGS = {"event": "a" * 16, "track": "b" * 16}


class Rows:
    """What the journal keeps: per log the records and their chain; `forgotten` below `oldest`."""

    def __init__(self):
        self.raws = defaultdict(list)
        self.hs = defaultdict(lambda: [chain.START])
        self.oldest = defaultdict(lambda: 1)

    def append(self, log, text="r"):
        raw = f"{text} {len(self.raws[log]) + 1} of {log}".encode()
        self.raws[log].append(raw)
        self.hs[log].append(chain.link(self.hs[log][-1], raw))
        return len(self.raws[log])

    def chain_at(self, stream, log, seq):
        del stream
        if seq and not self.oldest[log] <= seq <= len(self.raws[log]):
            return None
        return self.hs[log][seq]


class Bench:
    """A delivery with its journal. `per` records make a batch of `size` bytes."""

    def __init__(self, heads=None, rows=None, jitter=0.5):
        self.rows = rows or Rows()
        self.jitter, self.per, self.size = jitter, 1, 100
        if heads is None:
            heads = [Head(stream, log, 1, 0, chain.START) for stream, log in LOGS.items()]
        tokens = count(1)
        self.delivery = Delivery(heads, self.rows, lambda: self.jitter, lambda: next(tokens))

    def grow(self, stream="event", records=1, log=None):
        log = log or LOGS[stream]
        for _ in range(records):
            self.delivery.grew(stream, log, self.rows.append(log))

    def send(self, up_ms, take=True):
        """Sends all that is due; gives (log, first, last) of each batch. `take`: the broker takes it."""
        sent = []
        while effects := self.delivery.due(up_ms):
            (effect,) = effects
            assert isinstance(effect, SendBatch)
            last = min(len(self.rows.raws[effect.log]), effect.first + self.per - 1)
            size = min(self.size, effect.room_bytes)
            self.delivery.dispatched(effect.token, last, effect.first, size, up_ms)
            if take:
                self.delivery.taken(effect.token, up_ms)
            sent.append((effect.log, effect.first, last))
        return sent

    def ack(self, below, stream="event", log=None, store="store-1", h=None):
        """The gateway says that it has all of the log below `below`."""
        log = log or LOGS[stream]
        if h is None:
            h = self.rows.hs[log[:16]][below - 1].hex()
        return self.delivery.acknowledged(stream, Ack(1, log, below, h, store, 0))

    def online(self, worker="w1", online=True, store="store-1", up_ms=0):
        self.delivery.worker(worker, WorkerState(1, online, store), up_ms)

    def greeted(self, up_ms=0):
        """Connects, says hello, and hears that the gateway has nothing yet."""
        self.delivery.connected(up_ms)
        assert self.delivery.hello_due(up_ms)
        for stream in LOGS:
            self.ack(1, stream)
        return self


@pytest.fixture
def bench():
    """A unit whose two logs are empty; not connected."""
    return Bench()


@pytest.fixture
def connected():
    """A unit that has greeted, and a gateway that has nothing of it yet."""
    return Bench().greeted()


@pytest.fixture
def make_bench():
    """Makes a bench with the logs and rows of a test's own."""
    return Bench


@pytest.fixture(scope="session")
def rows_class():
    """The journal's chains in memory."""
    return Rows
