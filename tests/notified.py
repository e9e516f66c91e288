"""Who stands in systemd's place: the socket that a service tells how it goes."""

import socket

SILENT_S = 3.0
WATCH_S = 2
MOST_S = 60


class Heard:
    """Datagrams in the order in which they came. `environ`: what the service is started with."""

    def __init__(self, path, watchdog=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.environ = {"NOTIFY_SOCKET": str(path), "XUNKONG_LANG": "en"}
        if watchdog:
            self.environ["WATCHDOG_USEC"] = str(WATCH_S * 1_000_000)

    def next(self, most_s=MOST_S):
        """The lines of the next datagram. Raises TimeoutError."""
        self.socket.settimeout(most_s)
        return self.socket.recv(4096).decode().split("\n")

    def until(self, line):
        """All lines that came, up to the datagram with `line`."""
        came = []
        while line not in came:
            came += self.next()
        return came

    def drain(self):
        """What has come by now is read, and given."""
        came = []
        self.socket.setblocking(False)
        try:
            while True:
                came += self.socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return came

    def close(self):
        self.socket.close()
