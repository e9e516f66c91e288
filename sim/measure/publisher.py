"""Publishes many messages with QoS 1 as fast as the broker takes them: packets made before, one socket.

Source: MQTT 3.1.1, sections 2.2.3 (remaining length), 3.1 (CONNECT), 3.3 (PUBLISH).
"""

import socket
import struct
import threading
from collections.abc import Iterable

CONNECT = bytes.fromhex("101a00044d51545404020078000e") + b"xunkong-bench-"
CHUNK = 64 * 1024


def packets(load: Iterable[tuple[str, bytes]]) -> bytes:
    """The PUBLISH packets of all messages, one after another."""
    made = bytearray()
    for number, (topic, payload) in enumerate(load):
        name = topic.encode()
        head = struct.pack(">H", len(name)) + name + struct.pack(">H", number % 65535 + 1)
        made += b"\x32" + _length(len(head) + len(payload)) + head + payload
    return bytes(made)


def _length(value: int) -> bytes:
    coded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        coded.append(digit | 0x80 if value else digit)
        if not value:
            return bytes(coded)


def publish(port: int, made: bytes) -> None:
    """Sends all of `made`; returns when the broker has taken it from the socket."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(CONNECT)
        if line.recv(4)[:1] != b"\x20":
            raise RuntimeError("the broker refused the publisher")
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
