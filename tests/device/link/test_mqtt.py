"""The paho adapter with a real mosquitto: what ends a wait, and what ends a connection that has died."""

import queue
import threading

import msgspec
import pytest
from paho.mqtt import publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from device.core.events import Handed, Heard, LinkDown, LinkUp
from device.link import mqtt, silence
from device.link.mqtt import Broker, MqttLink
from device.papers import Papers
from gateway.config import load
from gateway.keys import GatewayKeys
from sim import broker as brokers
from sim.chaos.line import Open, Set
from sim.city import City
from sim.keys import CityKeys
from sim.program import Program
from wire import topics
from wire.packets import MOST_BYTES

WAIT_S = 20
MESSAGES, SIZE = 1_000, 20_000
UNIT = "cp-1"
FOR_EVER = 1e6
"""Chance that makes every wait an hour and more."""


@pytest.fixture
def broker(tmp_path):
    """A mosquitto that is not started yet."""
    if brokers.find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    made = brokers.Broker(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def line(tmp_path, broker):
    """A line to `broker`; gives its port, and how to set its mode."""
    program = Program(["sim", "line"], tmp_path / "line.log").start()
    answer = program.ask(msgspec.json.encode(Open("l", broker.port)).decode())

    def set_mode(mode):
        program.ask(msgspec.json.encode(Set("l", mode)).decode())

    yield msgspec.json.decode(answer)["port"], set_mode
    program.stop()


@pytest.fixture
def site(tmp_path):
    """A city with its site's own mosquitto over TLS, and no gateway; its unit has papers."""
    if brokers.find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with City(tmp_path, tls=True) as city:
        city.gateway.stop()
        city.add(UNIT, "checkpoint")
        yield city


@pytest.fixture
def chatter(site):
    """The gateway talks to the unit without a pause."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="chatter")
    client.tls_set_context(GatewayKeys(site.keys.folder.path).tls())
    client.connect("127.0.0.1", load(site.gateway_toml).broker[0].port)
    client.loop_start()
    stop = threading.Event()

    def talk():
        while not stop.is_set():
            client.publish(topics.config(UNIT), bytes(20_000), qos=1).wait_for_publish(WAIT_S)

    thread = threading.Thread(target=talk)
    thread.start()
    yield
    stop.set()
    thread.join()
    client.loop_stop()


@pytest.fixture
def linked(tmp_path):
    """Makes links to a port; gives each with the queue of what happens to it."""
    made = []

    def make(port, jitter, identity=None):
        if identity is None:
            CityKeys(tmp_path / "keys").enrol(UNIT, tmp_path / "identity")
        told = queue.Queue()
        papers = Papers(UNIT, identity or tmp_path / "identity")
        to = [Broker("127.0.0.1", port, tls=identity is not None)]
        link = MqttLink(UNIT, to, told.put, lambda conn: b"gone", lambda: jitter, papers)
        link.start()
        made.append(link)
        return link, told

    yield make
    for link in made:
        link.stop()


def until(told, kind, meanwhile=lambda: None):
    """Waits for an event of `kind`, and does `meanwhile` now and then."""
    for _ in range(WAIT_S * 10):
        try:
            event = told.get(timeout=0.1)
        except queue.Empty:
            meanwhile()
            continue
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}")


def test_what_waits_ends_the_wait_for_the_next_try(broker, linked, monkeypatch):
    monkeypatch.setattr(mqtt, "FIRST_WAIT_S", 0.01)
    link, told = linked(broker.port, FOR_EVER)
    until(told, LinkDown)
    broker.start()
    link.hurry()
    until(told, LinkUp)


def test_a_connection_that_owes_an_answer_and_is_silent_is_given_up(
    broker, line, linked, monkeypatch
):
    monkeypatch.setattr(silence, "FIRST_S", 0.0)
    monkeypatch.setattr(silence, "LEAST_S", 0.2)
    broker.start()
    port, set_mode = line
    link, told = linked(port, 0.0)
    until(told, LinkUp)
    set_mode("half open")
    assert link.publish("xk/v1/cp-1/up/hello", b"{}", 1, False, 1)
    until(told, LinkDown, meanwhile=link.look)
    set_mode("whole")
    until(told, LinkUp, meanwhile=link.look)


@pytest.fixture
def held(monkeypatch):
    """How much paho was made to hold of each packet."""
    sizes, handle = [], Client._packet_handle

    def noting(client):
        sizes.append(len(client._in_packet["packet"]))
        return handle(client)

    monkeypatch.setattr(Client, "_packet_handle", noting)
    return sizes


def test_a_message_that_fills_a_machine_is_never_held_and_the_line_goes_on(broker, linked, held):
    broker.start()
    link, told = linked(broker.port, 0.0)
    until(told, LinkUp)
    topic = topics.config(UNIT)
    for payload in (bytes(3_000_000), b"after"):
        publish.single(topic, payload, 1, hostname="127.0.0.1", port=broker.port)
    assert until(told, Heard) == Heard(topic, b"after", False)
    assert max(held) == MOST_BYTES
    assert link.publish(topics.hello(UNIT), b"{}", 1, False, 1)


def test_over_tls_talking_and_listening_at_once_breaks_nothing(site, chatter, linked):
    link, told = linked(site.broker.port, 0.0, site.units[0].identity)
    until(told, LinkUp)
    for number in range(MESSAGES):
        assert link.publish(topics.hello(UNIT), bytes(SIZE), 1, False, number)
    taken = 0
    while taken < MESSAGES:
        event = told.get(timeout=WAIT_S)
        assert not isinstance(event, LinkDown), event
        taken += isinstance(event, Handed)
