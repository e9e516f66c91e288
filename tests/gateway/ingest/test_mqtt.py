"""One broker's connection, against a real broker."""

import logging
import threading
from queue import Queue

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.config import BrokerSection
from gateway.fleet.visitor import put_away
from gateway.ingest import inbox as inbox_module
from gateway.ingest.buffered import BufferedSocket
from gateway.ingest.inbox import Inbox
from gateway.ingest.mqtt import BrokerLink
from gateway.keys import GatewayKeys
from sim.broker import Broker, free_port
from wire import topics
from wire.limits import MAX_PAYLOAD_BYTES
from wire.packets import MOST_BYTES


@pytest.fixture
def broker(tmp_path):
    one = Broker(tmp_path).start()
    yield one
    one.cut()


@pytest.fixture
def linked():
    """Starts a link to a broker; `greeted` holds a number for each connection."""
    links = []

    def link(section, inbox=None, tls=None):
        greeted = Queue()
        one = BrokerLink(4, section, "w-1", inbox or Inbox(), b"gone", greeted.put, tls)
        links.append(one)
        one.start()
        return one, greeted

    yield link
    for one in links:
        one.stop()


class Unit:
    """A unit's own client, which notes what it hears."""

    def __init__(self, port):
        self.heard, ready = Queue(), threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="cp-01")
        self.client.on_message = lambda c, u, message: self.heard.put(
            (message.topic, message.payload, message.retain)
        )
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe([(topics.all_down("cp-01"), 1), (topics.ALL_WORKERS, 1)])
        assert ready.wait(30)

    def close(self):
        put_away(self.client)


@pytest.fixture
def unit(broker):
    one = Unit(broker.port)
    yield one
    one.close()


def test_what_a_unit_says_is_put_and_what_is_published_arrives(broker, linked, unit):
    inbox = Inbox()
    link, greeted = linked(BrokerSection("127.0.0.1", broker.port, tls=False), inbox)
    assert greeted.get(timeout=30) == 4
    unit.client.publish(topics.log("cp-01", "event"), b"batch", 1)
    (came,) = inbox.take(30)
    assert (came.topic, came.payload) == (topics.log("cp-01", "event"), b"batch")
    assert (came.retained, came.via) == (False, 4)
    assert link.publish(topics.ack("cp-01", "event"), b"ack") is True
    assert unit.heard.get(timeout=30) == (topics.ack("cp-01", "event"), b"ack", False)


def test_what_was_retained_is_known_as_such(broker, linked, unit):
    unit.client.publish(topics.state("cp-01"), b"state", 1, retain=True).wait_for_publish(30)
    inbox = Inbox()
    linked(BrokerSection("127.0.0.1", broker.port, tls=False), inbox)
    (came,) = inbox.take(30)
    assert came.retained is True


def test_the_client_reads_and_writes_through_its_buffer(broker, linked):
    link, greeted = linked(BrokerSection("127.0.0.1", broker.port, tls=False))
    greeted.get(timeout=30)
    assert isinstance(link._client.socket(), BufferedSocket)


def test_a_message_that_is_far_too_long_comes_cut_and_the_line_goes_on(broker, linked, unit):
    inbox = Inbox()
    _, greeted = linked(BrokerSection("127.0.0.1", broker.port, tls=False), inbox)
    greeted.get(timeout=30)
    for payload in (bytes(3_000_000), b"after"):
        unit.client.publish(topics.log("cp-01", "event"), payload, 1).wait_for_publish(30)
    came = inbox.take(30)
    first, then = came if len(came) == 2 else [*came, *inbox.take(30)]
    assert MAX_PAYLOAD_BYTES < len(first.payload) < MOST_BYTES
    assert then.payload == b"after"
    assert greeted.empty()


def test_its_end_is_no_last_will_but_a_broken_one_is(broker, linked, unit):
    link, greeted = linked(BrokerSection("127.0.0.1", broker.port, tls=False))
    greeted.get(timeout=30)
    link._client.socket()._line.shutdown(2)
    assert unit.heard.get(timeout=30) == (topics.worker_state("w-1"), b"gone", False)


def test_it_comes_back_when_the_broker_does(broker, linked, caplog):
    caplog.set_level(logging.WARNING)
    link, greeted = linked(BrokerSection("127.0.0.1", broker.port, tls=False))
    greeted.get(timeout=30)
    broker.cut()
    broker.start()
    assert greeted.get(timeout=30) == 4
    assert link.why == ""


def test_without_a_connection_nothing_is_said_to_be_published(linked):
    link, greeted = linked(BrokerSection("127.0.0.1", free_port(), tls=False))
    assert link.publish("a/b", b"x") is False
    assert greeted.empty()


def test_a_full_inbox_holds_the_broker_back_and_loses_nothing(broker, linked, unit, monkeypatch):
    monkeypatch.setattr(inbox_module, "ROOM", 2)
    monkeypatch.setattr(inbox_module, "GROUP", 1)
    inbox = Inbox()
    _, greeted = linked(BrokerSection("127.0.0.1", broker.port, tls=False), inbox)
    greeted.get(timeout=30)
    sent = [b"%d" % number for number in range(50)]
    for payload in sent:
        unit.client.publish(topics.log("cp-01", "event"), payload, 1)
    assert [inbox.take(30)[0].payload for _ in sent] == sent


class Told(logging.Handler):
    """Gives what is logged to who waits for it."""

    def __init__(self):
        super().__init__()
        self.lines = Queue()

    def emit(self, record):
        self.lines.put(record.getMessage())


@pytest.fixture
def told():
    handler, log = Told(), logging.getLogger("xunkong.ingest")
    log.addHandler(handler)
    yield handler.lines
    log.removeHandler(handler)


def test_a_broker_that_is_not_there_is_told_once(linked, told):
    port = free_port()
    linked(BrokerSection("127.0.0.1", port, tls=False))
    said = told.get(timeout=30)
    assert said.startswith(f"broker 127.0.0.1:{port}: ")
    assert said.endswith("; tried again and again")
    assert "refused" in said


def test_keys_that_are_not_there_are_told_and_end_no_thread(linked, told, tmp_path, keys_site):
    keys = GatewayKeys(keys_site.lay_gateway_keys(tmp_path / "keys"))
    (tmp_path / "keys" / "gateway.key").unlink()
    link, _ = linked(BrokerSection("127.0.0.1", 8883), tls=keys.tls)
    assert "gateway.crt cannot be used: [Errno 2] No such file" in told.get(timeout=30)
    assert link._thread.is_alive()
