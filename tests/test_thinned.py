"""A journal that had to make room, delivered: the gateway gets all that is left, and knows of all that went."""

import random

import pytest

from device.journal.inspect import all_logs
from device.journal.journal import Journal
from device.journal.tinydb_sqlite import WAL_KEPT_BYTES
from device.room import Limits, make_room
from gateway.ingest.intake import Intake, Message
from gateway.store.open import open_store
from tests.device.test_room import HEAD, a_segment, fill
from tests.keys import SIGNER, Believing
from wire import codec, topics
from wire.batch import decode_record, encode_batch
from wire.live import Hello, LogHead
from wire.records import Track

UNIT = "v-1"
NOW_MS = 1_763_890_000_000


class Pair:
    """A unit's journal and a gateway's intake; `deliver` is what goes between them."""

    def __init__(self, folder):
        self.journal = Journal.open(folder / "journal.db")
        self.store = open_store(f"sqlite:///{folder / 'store.db'}")
        self.intake = Intake(self.store, Believing(), SIGNER, lambda point: None)

    def close(self):
        self.journal.close()
        self.store.close()

    def make_room(self, share):
        limits = Limits(int(self.journal.usage().live_bytes * share) + WAL_KEPT_BYTES, 0)
        while make_room(self.journal, limits, HEAD, lambda path: 1 << 40).more:
            pass

    def say(self, topic, payload):
        """Gives a message; returns what is answered of each log: the next number that is wanted."""
        answers = self.intake.take([Message(topic, payload)], NOW_MS)
        acks = (codec.decode_answer(a.payload, a.topic).message for a in answers)
        return {ack.log: ack.next for ack in acks}

    def greet(self):
        heads = [
            LogHead(one.stream, one.log, one.oldest, one.last, one.h.hex())
            for one in all_logs(self.journal)
        ]
        return self.say(topics.hello(UNIT), codec.encode(Hello(1, "ab" * 16, "9c1b22f0", heads)))

    def deliver(self, upto=None):
        """Greets, and sends each log, events first, from where the gateway wants it."""
        wanted = self.greet()
        for state in all_logs(self.journal):
            at = max(wanted.get(state.log, 1), state.oldest)
            while at <= (upto or state.last):
                found = self.journal.read(
                    state.stream, state.log, at, max_count=40, max_bytes=200_000
                )
                if found is None:
                    break
                payload = encode_batch(found.log, found.first, found.prev, found.raws)
                told = self.say(topics.log(UNIT, state.stream), payload)
                at = found.first + len(found.raws)
                assert told[state.log] in (at, wanted.get(state.log, 1))
        return self.greet()

    def kept(self):
        """What the gateway has of the unit: (log, number) to the record's bytes."""
        with self.store.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT log, seq, raw, mark FROM records WHERE unit = 'v-1'"
            )
            return {(log, seq): (raw, mark) for log, seq, raw, mark in rows}


@pytest.fixture
def pair(tmp_path):
    pair = Pair(tmp_path)
    yield pair
    pair.close()


@pytest.mark.parametrize("before", [None, 5, 20])
@pytest.mark.parametrize("share", [0.8, 0.2])
def test_all_that_is_left_arrives_whatever_had_arrived_before(pair, before, share):
    fill(pair.journal, 300, 100)
    if before:
        pair.deliver(upto=before)
    pair.make_room(share)
    pair.journal.append("track", a_segment(2_000, random.Random(1)))
    pair.journal.sync()
    done = pair.deliver()
    kept = pair.kept()
    for state in all_logs(pair.journal):
        assert done[state.log] == state.last + 1
        for log, seq, _, raw in pair.journal.iterate(state.stream):
            bytes_, mark = kept[log, seq]
            assert bytes_ == raw
            assert mark is None or (state.stream, seq) == ("event", state.oldest)


def test_thinned_positions_name_what_the_gateway_never_got(pair):
    fill(pair.journal, 0, 60)
    pair.make_room(0.7)
    pair.deliver()
    (log,) = (one.log for one in pair.journal.logs("track"))
    tracks = {seq: decode_record(raw) for (of, seq), (raw, _) in pair.kept().items() if of == log}
    thin = [one.replaces for one in tracks.values() if isinstance(one, Track) and one.replaces]
    replaced = {seq for one in thin for seq in range(one.first, one.last + 1)}
    assert replaced == set(range(1, min(tracks)))
