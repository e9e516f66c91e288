"""The ingest process with links of ten lines in place of brokers: groups, retries, what is said when."""

import sys
import threading
from itertools import count

import msgspec
import pytest
import sqlalchemy as sa

from gateway.config import BrokerSection, GatewayConfig, IngestSection, KeysSection, StoreSection
from gateway.ingest import worker as worker_module
from gateway.ingest.intake import Message
from gateway.ingest.registry import keep
from gateway.ingest.worker import Worker
from gateway.roster import Wanted
from gateway.store.schema import configs, records
from gateway.unit_config import push
from tests.notified import WATCH_S, Heard
from wire import codec, topics
from wire.live import WorkerState
from wire.orders import Ack, ConfigMessage
from wire.service import Service

LOG = "e" * 16


class Link:
    """A broker's connection that notes what is published; `up` False takes nothing."""

    def __init__(self, via, broker, worker, inbox, will, greeted, tls):
        self.tls = tls
        self.via, self.broker, self.will, self.inbox, self.greeted = (
            via,
            broker,
            will,
            inbox,
            greeted,
        )
        self.up, self.started, self.stopped, self.said = True, False, False, []

    def start(self):
        self.started = True

    def stop(self):
        self.stopped = True

    def publish(self, topic, payload, retain=False):
        if self.up:
            self.said.append((topic, payload, retain))
        return self.up


class Worked:
    """A worker with its links, run by hand: `run` gives it as many turns as there are groups."""

    def __init__(self, store, keys, key, brokers=1, service=None):
        self.key = key
        config = GatewayConfig(
            [BrokerSection("127.0.0.1", 1883 + n) for n in range(brokers)],
            StoreSection("sqlite:///store.db"),
            ingest=IngestSection("w-1"),
            keys=KeysSection(str(keys)),
        )
        self.points = []
        self.worker = Worker(config, store, self.points.append, service)
        self.links = self.worker._links

    def run(self, *messages, turns=1):
        """The worker takes `messages`, has `turns` turns, and ends."""
        for message in messages:
            assert self.links[message.via].inbox.put(message, 1.0)
        self.worker.run(Turns(turns))

    def said(self, topic, link=0):
        return [payload for name, payload, _ in self.links[link].said if name == topic]


class Turns(threading.Event):
    """A stop event that is set after so many turns; `mend` is called at a pause."""

    def __init__(self, turns, mend=None):
        super().__init__()
        self.turns, self.mend, self.pauses = turns, mend, []

    def is_set(self):
        self.turns -= 1
        return self.turns < 0

    def wait(self, timeout=None):
        self.pauses.append(timeout)
        return self.mend is None or bool(self.mend())


@pytest.fixture
def worked(store, monkeypatch, keys_folder, keys_site):
    key = keys_site.bearer("cp-01")
    with store.changing() as connection:
        keep(connection, key.read(keys_site), 0)
    monkeypatch.setattr(worker_module, "BrokerLink", Link)
    monkeypatch.setattr(worker_module, "IDLE_S", 0.001)
    interval_s = sys.getswitchinterval()
    yield lambda brokers=1, service=None: Worked(store, keys_folder, key, brokers, service)
    sys.setswitchinterval(interval_s)


def test_a_batch_is_answered_through_the_broker_that_it_came_from(worked, unit_log):
    one = worked(brokers=2)
    one.run(unit_log().grow(2).message(via=1, key=one.key))
    assert one.said(topics.ack("cp-01", "event"), link=0) == []
    (payload,) = one.said(topics.ack("cp-01", "event"), link=1)
    assert codec.decode(payload, Ack).next == 3
    assert one.points == ["ingest.before_commit", "ingest.after_commit", "ingest.after_ack"]


def test_links_are_started_and_end_with_the_last_word(worked):
    one = worked(brokers=2)
    one.run(turns=0)
    for number, link in enumerate(one.links):
        assert (link.started, link.stopped) == (True, True)
        topic, payload, retained = link.said[-1]
        assert (topic, retained) == (topics.worker_state("w-1"), True)
        assert codec.decode(payload, WorkerState) == WorkerState(1, False)
        assert (link.via, link.will) == (number, payload)


def test_at_each_connection_it_says_who_it_is_and_what_units_are_to_use(worked, store):
    push(store, "cp-01", Wanted(repeat_s=1.0))
    push(store, "cp-01", Wanted(repeat_s=2.0))
    one = worked()
    one.links[0].greeted(0)
    one.run()
    state = codec.decode(one.said(topics.worker_state("w-1"))[0], WorkerState)
    assert (state.online, state.store) == (True, store.identity)
    (payload,) = one.said(topics.config("cp-01"))
    assert codec.decode(payload, ConfigMessage).version == 2
    assert (topics.config("cp-01"), payload, True) in one.links[0].said
    one.run()
    assert len(one.said(topics.config("cp-01"))) == 1
    one.links[0].greeted(0)
    one.run()
    assert len(one.said(topics.config("cp-01"))) == 2


def test_a_configuration_that_no_broker_took_is_said_later(worked, store, monkeypatch):
    push(store, "cp-01", Wanted())
    monkeypatch.setattr(worker_module, "CONFIG_EVERY_MS", 0)
    one = worked()
    one.links[0].up = False
    one.run(turns=2)
    assert one.links[0].said == []
    one.links[0].up = True
    one.run(turns=2)
    assert len(one.said(topics.config("cp-01"))) == 1


def test_a_configuration_that_cannot_be_used_is_told_once_and_the_others_go_out(
    worked, store, monkeypatch, caplog
):
    with store.changing() as connection:
        bad = {"unit": "a", "version": 2**53 + 1, "body": b'{"v":1}', "pushed_ms": 0}
        connection.execute(configs.insert().values(**bad))
    push(store, "cp-01", Wanted())
    monkeypatch.setattr(worker_module, "CONFIG_EVERY_MS", 0)
    one = worked()
    one.run(turns=3)
    assert len(one.said(topics.config("cp-01"))) == 1
    assert one.said(topics.config("a")) == []
    assert caplog.text.count("the newest configuration of a in the store cannot be read") == 1


def test_a_unit_that_floods_is_an_alarm_and_a_database_that_fails_meanwhile_no_harm(
    worked, store, monkeypatch, caplog
):
    monkeypatch.setattr("gateway.ingest.inbox.SHARE", 2)
    monkeypatch.setattr(worker_module, "STATE_EVERY_MS", 0)
    one = worked()
    rename(store, "logs", "away")
    one.run(*[Message("xk/v1/cp-01/up/state", b"x")] * 5, turns=1)
    assert "cp-01: 3 messages beyond its share were passed over" in caplog.text
    rename(store, "away", "logs")
    one.run(*[Message("xk/v1/cp-01/up/state", b"x")] * 6, turns=2)
    with store.reading() as connection:
        query = sa.select(records.c.raw).where(records.c.kind == "alarm")
        raws = connection.execute(query).scalars()
        said = [msgspec.json.decode(raw)["what"] for raw in raws]
    assert said == ["cp-01: 4 messages beyond its share were passed over"]


def rename(store, old, new):
    with store.engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_a_database_that_fails_is_tried_again_and_nothing_is_answered_meanwhile(
    worked, store, unit_log, caplog
):
    one = worked()
    rename(store, "records", "away")
    answered = []

    def mend():
        answered.append(one.said(topics.ack("cp-01", "event")))
        if len(answered) == 3:
            rename(store, "away", "records")

    assert one.links[0].inbox.put(unit_log().grow(2).message(key=one.key), 1.0)
    turns = Turns(1, mend)
    one.worker.run(turns)
    assert answered == [[], [], []]
    assert turns.pauses == [0.2, 0.5, 1.0]
    (payload,) = one.said(topics.ack("cp-01", "event"))
    assert codec.decode(payload, Ack).next == 3
    assert "1 messages wait, nothing is acknowledged" in caplog.text


def test_told_to_end_while_the_database_fails_it_ends(worked, store, unit_log):
    one = worked()
    rename(store, "records", "away")
    one.run(unit_log().grow(2).message(key=one.key))
    assert one.said(topics.ack("cp-01", "event")) == []
    assert one.links[0].stopped is True


def test_a_configuration_that_cannot_be_read_is_told_and_the_rest_goes_on(
    worked, store, unit_log, caplog
):
    rename(store, "configs", "away")
    one = worked()
    one.run(unit_log().grow(1).message(key=one.key))
    assert len(one.said(topics.ack("cp-01", "event"))) == 1
    assert "no such table: configs; check [store] url" in caplog.text


def test_its_own_certificate_is_kept_before_it_signs_anything(worked, rows, store):
    one = worked()
    one.run(turns=0)
    kept = [row for row in rows(store, "certificates") if row["unit"] == "gw"]
    assert [row["kid"] for row in kept] == [one.worker._keys.kid]


def test_the_first_turn_of_a_day_closes_the_day_before_once(worked, unit_log, rows, store):
    one = worked()
    one.run(unit_log().grow(1).message(key=one.key))
    worked().run(turns=2)
    kinds = [row["kind"] for row in rows(store, "records") if row["unit"] == "gw"]
    assert kinds == ["root"]


@pytest.fixture
def heard(tmp_path):
    manager = Heard(tmp_path / "notify")
    yield manager
    manager.close()


def test_it_is_ready_once_a_broker_has_it_and_says_so(worked, heard):
    one = worked(service=Service(heard.environ))
    one.run()
    came = heard.drain()
    assert "READY=1" not in came
    assert "EXTEND_TIMEOUT_USEC=2000000" in came
    assert came[-1] == "STOPPING=1"
    one.links[0].greeted(0)
    one.run()
    assert "READY=1" in heard.drain()


def test_a_database_that_fails_is_no_hang(worked, store, unit_log, heard):
    one = worked(service=Service(heard.environ, count(step=WATCH_S).__next__))
    one.links[0].greeted(0)
    one.run()
    rename(store, "records", "away")
    assert one.links[0].inbox.put(unit_log().grow(1).message(key=one.key), 1.0)
    pauses = []

    def mend():
        pauses.append(heard.drain())
        return len(pauses) == 3

    one.worker.run(Turns(1, mend))
    assert ["WATCHDOG=1" in came for came in pauses] == [True] * 3
