"""paho's client over a buffered socket: a system call per few hundred messages instead of seven per message.

paho reads a packet byte by byte from the socket and writes each PUBACK by itself. Every such call also
gives the interpreter away, while the worker's thread wants it. Here what has come is read in one go,
and small writes are gathered for as long as there is input, for a few milliseconds at most. paho asks
`pending()` of its socket before it waits, since a TLS socket buffers likewise; that is all it takes.
"""

import socket
import ssl
import threading
import time
from contextlib import suppress

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from wire.packets import PacketReader

GATHER_BYTES = 8 * 1024
GATHER_S = 0.003
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BufferedSocket:
    """A connected socket, which does not block. paho's thread reads; any thread may send.

    Never both at once: TLS that is written to while it is read from sends what cannot be decrypted.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._reader = PacketReader(line.recv)
        self._gathered = bytearray()
        self._since_s = 0.0
        self._lock = threading.Lock()

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises what the socket raises, and `PacketFault`."""
        if not self._reader.unread():
            with self._lock:
                self._reader.fill()
        return self._reader.take(size)

    def send(self, data: bytes | bytearray) -> int:
        """Takes all of `data`, and sends it now or within moments. Raises what the socket raises."""
        with self._lock:
            if not self._gathered:
                self._since_s = time.monotonic()
            self._gathered += data
            self._send_if_due()
        return len(data)

    def pending(self) -> int:
        """How many bytes have come and were not read; sends what was gathered once there are none."""
        with self._lock:
            self._send_if_due()
            held = self._line.pending() if isinstance(self._line, ssl.SSLSocket) else 0
        return self.unread() + held

    def unread(self) -> int:
        """How many bytes are here and were not read."""
        return self._reader.unread()

    @property
    def fault(self) -> str:
        """Why the line was given up; empty while it is in order."""
        return self._reader.fault

    def _send_if_due(self) -> None:
        idle = not self.unread()
        old = time.monotonic() - self._since_s > GATHER_S
        if self._gathered and (idle or old or len(self._gathered) > GATHER_BYTES):
            self._send()

    def _send(self) -> None:
        try:
            while self._gathered:
                del self._gathered[: self._line.send(self._gathered)]
        except WOULD_BLOCK:
            return

    def fileno(self) -> int:
        return self._line.fileno()

    def setblocking(self, flag: bool) -> None:
        self._line.setblocking(flag)

    def close(self) -> None:
        """Sends what was gathered, as far as that goes at once, and closes."""
        with self._lock:
            if self._line.fileno() >= 0:
                with suppress(OSError):
                    self._send()
        self._line.close()


class BufferedClient(Client):
    """paho's client, whose socket is a `BufferedSocket`."""

    line: BufferedSocket | None = None

    def _create_socket(self) -> BufferedSocket:
        self.line = BufferedSocket(super()._create_socket())  # type: ignore[arg-type]
        return self.line

    @property
    def fault(self) -> str:
        """What was wrong with what the broker sent; empty where nothing was."""
        return self.line.fault if self.line else ""

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Reads all that is here, not one packet for each wait."""
        code = super().loop_read(max_packets)
        line = self.socket()
        while not code and isinstance(line, BufferedSocket) and line.unread():
            code = super().loop_read(max_packets)
            line = self.socket()
        return code
