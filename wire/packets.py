"""MQTT's packets as they come off a line, none longer than anybody's message may be. Pure; MQTT 3.1.1, section 2.2.

A client library keeps a packet whole before anybody sees its size, and a broker may announce 256 MB. Here the
length is read before the packet: one that is too long passes on cut, so that it is refused for its size further
up, and acknowledged, and the line goes on.
"""

from collections.abc import Callable

from wire.limits import MAX_PAYLOAD_BYTES

MOST_TOPIC_BYTES = 65_535
MOST_BYTES = 2 + MOST_TOPIC_BYTES + 2 + MAX_PAYLOAD_BYTES + 1
"""Of a message with its topic and number: whatever its topic's length, what is cut is too long still."""

MOST_OTHER_BYTES = 1024
"""Of any other packet: an answer to one of ours."""

READ_BYTES = 64 * 1024
PUBLISH = 3


class PacketFault(OSError):
    """The line is no MQTT line that this side asked for; it is to be given up."""


class Packets:
    """Follows one line's packets, wherever its pieces begin and end."""

    def __init__(self) -> None:
        self._head = b""
        self._keep = self._drop = 0

    def admit(self, data: bytes) -> bytes:
        """What of `data` may be passed on now; the start of a header waits for its end. Raises `PacketFault`."""
        data, self._head = self._head + data, b""
        passed: list[bytes] = []
        start = at = 0
        while at < len(data):
            if self._keep:
                at, self._keep = _step(at, self._keep, len(data))
            elif self._drop:
                passed.append(data[start:at])
                at, self._drop = _step(at, self._drop, len(data))
                start = at
            elif (header := _header(data, at)) is None:
                passed.append(data[start:at])
                self._head = data[at:]
                start = at = len(data)
            else:
                body, size = header
                _check(data[at], size)
                if size > MOST_BYTES:
                    passed += data[start : at + 1], _length(MOST_BYTES)
                    start = body
                self._keep, self._drop = min(size, MOST_BYTES), max(0, size - MOST_BYTES)
                at = body
        return b"".join([*passed, data[start:]]) if passed else data


def _step(at: int, left: int, end: int) -> tuple[int, int]:
    size = min(left, end - at)
    return at + size, left - size


def _header(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the packet at `at` has its body, and how long that is; None while its header is not whole."""
    size = 0
    for number, byte in enumerate(data[at + 1 : at + 5]):
        size |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            return at + 2 + number, size
    if len(data) >= at + 5:
        raise PacketFault("a packet's length has more than four bytes; is that an MQTT broker?")
    return None


def _check(first: int, size: int) -> None:
    kind, qos = first >> 4, first >> 1 & 3
    if kind == PUBLISH and qos > 1:
        raise PacketFault("a message with QoS 2, which was never asked for; check the broker")
    if kind != PUBLISH and size > MOST_OTHER_BYTES:
        raise PacketFault(f"a packet of kind {kind} with {size} bytes; check the broker")


def _length(size: int) -> bytes:
    told = bytearray()
    while size > 0x7F:
        told.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*told, size])


class PacketReader:
    """Reads a line in large pieces, and hands them out in small ones. One thread; the line does not block."""

    def __init__(self, recv: Callable[[int], bytes]) -> None:
        self._recv, self._packets = recv, Packets()
        self._came, self._at = b"", 0
        self.fault = ""
        """Why the line is to be given up; empty while it is in order."""

    def unread(self) -> int:
        """How many bytes are here and were not read."""
        return len(self._came) - self._at

    def fill(self) -> None:
        """Takes what has come, once all is read; nothing is `unread` then at the line's end.

        Raises what the line raises, BlockingIOError where nothing can be passed on yet, and `PacketFault`.
        """
        self._came, self._at = b"", 0
        came = self._recv(READ_BYTES)
        try:
            self._came = self._packets.admit(came)
        except PacketFault as exc:
            self.fault = str(exc)
            raise
        if came and not self._came:
            raise BlockingIOError

    def take(self, size: int) -> bytes:
        """At most `size` bytes of those that are here."""
        data = self._came[self._at : self._at + size]
        self._at += len(data)
        return data
