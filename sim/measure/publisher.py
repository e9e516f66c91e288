"""Publishes many messages with QoS 1 as fast as the broker takes them: packets made before, one socket.

Source: MQTT 3.1.1, sections 2.2.3 (remaining length), 3.1 (CONNECT), 3.3 (PUBLISH).
"""

import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from typing import Literal

HOST = "127.0.0.1"
KEEPALIVE_S = 120
ACCEPTED = b"\x20\x02\x00\x00"
CHUNK = 64 * 1024


def packets(load: Iterable[tuple[str, bytes]]) -> bytes:
    """The PUBLISH packets of all messages, one after another."""
    numbered = enumerate(load)
    return b"".join(packet(*message, number=number % 65535 + 1) for number, message in numbered)


def packet(topic: str, payload: bytes, qos: Literal[0, 1] = 1, number: int = 1) -> bytes:
    """One PUBLISH packet; without QoS it bears no number."""
    name = topic.encode()
    head = struct.pack(">H", len(name)) + name + (struct.pack(">H", number) if qos else b"")
    return bytes((0x30 | qos << 1,)) + _length(len(head) + len(payload)) + head + payload


def _length(value: int) -> bytes:
    coded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        coded.append(digit | 0x80 if value else digit)
        if not value:
            return bytes(coded)


def connect(port: int, client: str, tls: ssl.SSLContext | None = None) -> socket.socket:
    """A connection as `client` with a clean session, in clear where `tls` is None.

    Raises RuntimeError where the broker refuses it.
    """
    line = socket.create_connection((HOST, port), timeout=60)
    if tls:
        line = tls.wrap_socket(line, server_hostname=HOST)
    name = client.encode()
    head = b"\x00\x04MQTT\x04\x02" + struct.pack(">HH", KEEPALIVE_S, len(name))
    line.sendall(b"\x10" + _length(len(head) + len(name)) + head + name)
    if line.recv(4) != ACCEPTED:
        line.close()
        raise RuntimeError(f"the broker refused {client}")
    return line


def publish(port: int, made: bytes) -> None:
    """Sends all of `made`; returns when the broker has taken it from the socket."""
    with connect(port, "xunkong-bench") as line:
        answers = threading.Thread(target=_swallow, args=(line,), daemon=True)
        answers.start()
        for at in range(0, len(made), CHUNK):
            line.sendall(made[at : at + CHUNK])
        line.sendall(b"\xe0\x00")
        answers.join(timeout=60)


def _swallow(line: socket.socket) -> None:
    """Takes the PUBACKs until the broker closes; nobody looks at them."""
    while True:
        try:
            if not line.recv(CHUNK):
                return
        except OSError:
            return
