"""Feeds chronyd with the receiver's time. Source: chrony 4.3, `refclock SOCK` (refclock_sock.c).

What it cannot do: be exact. A sentence comes up to 0.3 s after its second; say so to chronyd with
`refclock SOCK /run/chrony.xunkong.sock refid GPS offset 0.15 delay 0.3 poll 3`.
"""

import socket
import struct
from pathlib import Path

SAMPLE = struct.Struct("=qqdiiii")
"""struct sock_sample: tv_sec, tv_usec, offset in seconds, pulse, leap, padding, magic; 40 bytes."""

MAGIC = 0x534F434B


def sample(wall_ms: int, off_ms: int) -> bytes:
    """When the system's clock said `wall_ms`, it was `off_ms` behind the true UTC."""
    seconds, rest_ms = divmod(wall_ms, 1000)
    return SAMPLE.pack(seconds, rest_ms * 1000, off_ms / 1000, 0, 0, 0, MAGIC)


class ChronyFeed:
    """Sends datagrams to chronyd's socket. Never waits; that nobody listens is normal."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, wall_ms: int, off_ms: int) -> bool:
        """True when chronyd took the sample; False where there is no socket, no right, or no room."""
        try:
            self._socket.sendto(sample(wall_ms, off_ms), self._path)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Lets go of the socket."""
        self._socket.close()
