"""The unit's link: a TCP relay to the broker that can be cut and restored."""

import socket
import threading
from contextlib import suppress


class Relay:
    """Listens on `port` of 127.0.0.1. A thread accepts; two for each connection carry bytes, and end with it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.up = True
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Breaks what is connected, and refuses whoever comes."""
        with self._lock:
            self.up = False
            for end in self._open:
                _shut(end)

    def restore(self) -> None:
        """Lets connections through again."""
        self.up = True

    def close(self) -> None:
        """Ends it."""
        self.cut()
        _shut(self._server)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return  # closed
            self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            if not self.up:
                near.close()
                far.close()
                return
            self._open |= {near, far}
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with self._lock:
            self._open.discard(one)
            _shut(other)
            one.close()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
