"""What a broker must do for us, and that mosquitto and the embedded one both do it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.fleet.visitor import TurnedAway, Visitor
from sim.broker import Broker, find_mosquitto, free_ports
from sim.city import City, wait_for
from wire.words import Fault

WAIT_S = 30.0


class Guest:
    """A client: `came` holds what it was sent."""

    def __init__(self, port: int, name: str, will: str | None = None) -> None:
        self.came: Queue[MQTTMessage] = Queue()
        self._subscribed: Queue[bool] = Queue()
        self._connected: Queue[bool] = Queue()
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False
        )
        self.client.on_message = lambda client, data, message: self.came.put(message)
        self.client.on_subscribe = lambda *_: self._subscribed.put(True)
        self.client.on_connect = lambda *_: self._connected.put(True)
        if will:
            self.client.will_set(will, b"gone", qos=1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self._connected.get(timeout=WAIT_S)

    def listen(self, topic: str) -> "Guest":
        self.client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=WAIT_S)
        return self

    def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Says it with QoS 1, and waits until the broker has it."""
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(WAIT_S)
        assert sent.is_published()

    def hears(self) -> tuple[str, bytes, bool]:
        message = self.came.get(timeout=WAIT_S)
        return message.topic, message.payload, message.retain

    def break_off(self) -> None:
        """The connection breaks without a farewell."""
        line = self.client.socket()
        assert line
        line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(params=["mosquitto", "rumqttd"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    one = Broker(tmp_path, embedded=request.param == "rumqttd")
    assert one.kind == request.param
    one.start()
    yield one
    one.stop()


@pytest.fixture
def guest(broker: Broker) -> Iterator[Callable[..., Guest]]:
    made: list[Guest] = []

    def make(name: str, will: str | None = None) -> Guest:
        made.append(Guest(broker.port, name, will))
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., Guest]


def test_a_message_reaches_who_listens_in_order_and_without_the_mark(guest: Make) -> None:
    listener, speaker = guest("listener").listen("a/+/b"), guest("speaker")
    for number in range(300):
        speaker.client.publish("a/x/b", b"%d" % number, qos=1)
    speaker.say("a/x/b", b"last")
    heard = [listener.hears() for _ in range(301)]
    assert heard == [("a/x/b", word, False) for word in [b"%d" % n for n in range(300)] + [b"last"]]


def test_a_retained_one_reaches_who_comes_later(guest: Make) -> None:
    guest("speaker").say("a/state", b"1", retain=True)
    guest("again").say("a/state", b"2", retain=True)
    late = guest("late").listen("a/#")
    assert late.hears() == ("a/state", b"2", True)


def test_one_that_is_not_retained_does_not(guest: Make) -> None:
    speaker = guest("speaker")
    speaker.say("a/1", b"x")
    late = guest("late").listen("a/#")
    speaker.say("a/2", b"y")
    assert late.hears() == ("a/2", b"y", False)


def test_a_will_is_said_when_the_connection_breaks(guest: Make) -> None:
    listener = guest("listener").listen("a/#")
    guest("mortal", will="a/will").break_off()
    assert listener.hears() == ("a/will", b"gone", False)


def test_a_retained_will_reaches_who_comes_later(guest: Make) -> None:
    listener = guest("listener").listen("a/#")
    guest("mortal", will="a/will").break_off()
    listener.hears()
    assert guest("late").listen("a/#").hears() == ("a/will", b"gone", True)


def test_no_will_is_said_after_a_farewell(guest: Make) -> None:
    listener, speaker = guest("listener").listen("a/#"), guest("speaker")
    guest("polite", will="a/will").client.disconnect()
    guest("mortal", will="a/other").break_off()
    speaker.say("a/x", b"1")
    assert sorted(listener.hears()[0] for _ in range(2)) == ["a/other", "a/x"]


def test_a_second_of_the_same_name_takes_the_place_of_the_first(guest: Make) -> None:
    first = guest("unit").listen("a/#")
    guest("unit")
    assert wait_for(lambda: not first.client.is_connected(), WAIT_S)


def test_a_large_message_comes_whole(guest: Make) -> None:
    listener, speaker = guest("listener").listen("a"), guest("speaker")
    speaker.say("a", bytes(200_000))
    assert listener.hears() == ("a", bytes(200_000), False)


def test_cut_off_it_listens_no_more_and_comes_back_at_the_same_port(
    broker: Broker, guest: Make
) -> None:
    before, port = guest("before"), broker.port
    broker.cut()
    assert broker.pid == 0
    with pytest.raises(ConnectionRefusedError):
        Guest(port, "nobody")
    before.close()
    broker.start()
    assert broker.port == port
    listener = guest("after").listen("a")
    guest("speaker").say("a", b"x")
    assert listener.hears() == ("a", b"x", False)


def test_one_that_cannot_start_says_where_to_look(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = Broker(tmp_path / "second", port=broker.port, embedded=True)
    broker.cut()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", broker.port))
        with pytest.raises(RuntimeError, match=r"broker\.log"):
            second.start()
    second.stop()


def test_ports_in_a_row_are_nobody_s():
    first = free_ports(3)
    for port in range(first, first + 3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_city_over_tls(tmp_path):
    """Its broker is the site's own: nobody is let in without a certificate."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with City(tmp_path, tls=True) as city:
        log = tmp_path / "gateway.log"
        assert wait_for(lambda: "connected to broker" in log.read_text(), 60)
        city.broker.cut()
        city.broker.start()
        assert city.broker.kind == "mosquitto"
        with pytest.raises(TurnedAway), Visitor("v-1", None).inside("127.0.0.1", city.broker.port):
            pass


def test_a_site_without_mosquitto_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.broker.find_mosquitto", lambda: None)
    with pytest.raises(Fault, match="apt install mosquitto"), City(tmp_path, tls=True):
        pass
