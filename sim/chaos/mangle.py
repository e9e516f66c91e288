"""Repeats and reorders the PUBLISH packets of one direction of an MQTT connection. Pure but for its dice.

A repeated message goes with QoS 0, so that no acknowledgement of it confuses its sender's books. Source:
MQTT 3.1.1, sections 2.2 and 3.3.
"""

import random
from collections import deque

PUBLISH = 3
REPEAT, HOLD = 0.3, 0.3
"""Of the messages: how many come again, how many let others pass."""

HELD_MOST = 8


class Mangle:
    """Bytes in, bytes out; what is no whole packet yet waits."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._rest = b""
        self._held: deque[bytes] = deque()
        self._before: deque[bytes] = deque(maxlen=HELD_MOST)

    def take(self, data: bytes, mode: str) -> bytes:
        """The packets that are whole now, as `mode` has them: `repeat`, `reorder`, else as they came."""
        self._rest += data
        out: list[bytes] = []
        while (size := packet_size(self._rest)) is not None:
            packet, self._rest = self._rest[:size], self._rest[size:]
            out += self._pass(packet, mode)
        return b"".join(out)

    def _pass(self, packet: bytes, mode: str) -> list[bytes]:
        if packet[0] >> 4 != PUBLISH:
            return [packet, *self._let_go(mode)]
        if mode == "reorder" and len(self._held) < HELD_MOST and self._dice.random() < HOLD:
            self._held.append(packet)
            return []
        out = [packet, *self._let_go(mode)]
        if mode == "repeat" and self._dice.random() < REPEAT:
            out.append(at_qos_0(self._dice.choice([packet, *self._before])))
        self._before.append(packet)
        return out

    def _let_go(self, mode: str) -> list[bytes]:
        """What was held goes out behind a later one, in any order."""
        if mode == "reorder" and self._dice.random() < HOLD:
            return []
        held = list(self._held)
        self._held.clear()
        self._dice.shuffle(held)
        return held


def packet_size(data: bytes) -> int | None:
    """The size of the packet at the beginning of `data`; None while that is not all there."""
    length = 0
    for place in range(1, min(len(data), 5)):
        byte = data[place]
        length |= (byte & 0x7F) << 7 * (place - 1)
        if byte < 0x80:
            size = place + 1 + length
            return size if len(data) >= size else None
    return None


def at_qos_0(packet: bytes) -> bytes:
    """The same PUBLISH with QoS 0: without its packet identifier."""
    if not packet[0] & 0x06:
        return packet
    head = next(place for place in range(1, 5) if packet[place] < 0x80) + 1
    topic = 2 + int.from_bytes(packet[head : head + 2])
    body = packet[head : head + topic] + packet[head + topic + 2 :]
    return bytes([packet[0] & 0xF1]) + _length(len(body)) + body


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | 0x80 if size else low)
        if not size:
            return bytes(out)
