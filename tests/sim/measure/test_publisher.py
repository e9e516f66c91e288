"""The packets that are measured and published are those that paho sends."""

import socket

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from sim.measure.publisher import packet, packets

CONNACK = b"\x20\x02\x00\x00"
TOPIC = "xk/v1/v-03-2/up/log/track"


@pytest.fixture
def paho():
    """A connected client of paho's, and the socket at its other end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(CallbackAPIVersion.VERSION2, client_id="v-03-2")
        client.connect("127.0.0.1", server.getsockname()[1])
        line, _ = server.accept()
        with line:
            line.settimeout(5)
            line.recv(1_000)
            line.sendall(CONNACK)
            while not client.is_connected():
                client.loop(timeout=5)
            yield client, line
            client.disconnect()


def sent(line, size):
    """The next `size` bytes."""
    came = b""
    while len(came) < size:
        came += line.recv(size - len(came))
    return came


@pytest.mark.parametrize("size", [1, 90, 98, 99, 100, 127, 128, 16_353, 16_354, 16_355, 20_000])
@pytest.mark.parametrize("qos", [0, 1])
def test_a_packet_is_as_paho_sends_it(paho, size, qos):
    client, line = paho
    payload = bytes(size)
    client.publish(TOPIC, payload, qos=qos)
    client.loop_write()
    expected = packet(TOPIC, payload, qos, number=1)
    assert sent(line, len(expected)) == expected


def test_many_are_numbered_from_one_on_and_never_zero():
    load = [("t", b"")] * 65_536
    numbers = [packets(load)[at + 5 : at + 7] for at in (0, 7, 7 * 65_534, 7 * 65_535)]
    assert numbers == [b"\x00\x01", b"\x00\x02", b"\xff\xff", b"\x00\x01"]
