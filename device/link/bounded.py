"""paho's client on a line whose packets are bounded: no broker fills this machine's memory."""

import socket
import ssl

from paho.mqtt.client import Client

from wire.packets import PacketReader


class BoundedSocket:
    """A connected socket, which does not block. One thread reads."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._reader = PacketReader(line.recv)

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises what the socket raises, and `PacketFault`."""
        if not self._reader.unread():
            self._reader.fill()
        return self._reader.take(size)

    def send(self, data: bytes | bytearray) -> int:
        """As much of `data` as goes at once. Raises what the socket raises."""
        return self._line.send(data)

    def pending(self) -> int:
        """How many bytes have come and were not read, for which paho need not wait."""
        held = self._line.pending() if isinstance(self._line, ssl.SSLSocket) else 0
        return self._reader.unread() + held

    @property
    def fault(self) -> str:
        """Why the line was given up; empty while it is in order."""
        return self._reader.fault

    def fileno(self) -> int:
        return self._line.fileno()

    def setblocking(self, flag: bool) -> None:
        self._line.setblocking(flag)

    def shutdown(self, how: int) -> None:
        self._line.shutdown(how)

    def close(self) -> None:
        self._line.close()


class BoundedClient(Client):
    """paho's client, whose socket is a `BoundedSocket`."""

    line: BoundedSocket | None = None

    def _create_socket(self) -> BoundedSocket:
        self.line = BoundedSocket(super()._create_socket())  # type: ignore[arg-type]
        return self.line

    @property
    def fault(self) -> str:
        """What was wrong with what the broker sent; empty where nothing was."""
        return self.line.fault if self.line else ""
