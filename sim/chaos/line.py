"""`xunkong sim line`: the bad lines between units, broker and gateway; commands on stdin, answers on stdout.

Each line listens on a port of 127.0.0.1, in a network namespace of its own where one is named, and carries
what comes to one target. What it cannot do: lose packets, since it stands on TCP; a lossy line is one that
stalls for as long as TCP takes to repeat, and breaks now and then.
"""

import asyncio
import ctypes
import os
import random
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from sim.chaos.mangle import Mangle

CLONE_NEWNET = 0x40000000
PIECE, SEGMENT = 16_384, 512
STALLS_S = (0.2, 0.4, 0.8, 1.6, 3.2)
"""TCP's first time-outs (RFC 6298, Linux's floor of 200 ms), doubled each time."""

LOSS, BREAK = 0.15, 0.005
"""Of the pieces of a lossy line: how many stall, how many break it."""

Mode = Literal["whole", "cut", "half open", "slow", "lossy", "repeat", "reorder"]


class Open(Struct, tag="open", forbid_unknown_fields=True):
    """A line to `port` of 127.0.0.1; answered with its own port. `namespace`: where it listens, a path.

    `pem`: the folder of keys with which to end and begin TLS anew on both sides, None: not looked into.
    """

    name: str
    port: int
    namespace: str | None = None
    mqtt: bool = False
    tls: "Tls | None" = None


class Tls(Struct, forbid_unknown_fields=True):
    """Files (PEM) to stand between two ends of TLS: as the server to one, as the client to the other."""

    ca: str
    server_cert: str
    server_key: str
    client_cert: str
    client_key: str


class Set(Struct, tag="set", forbid_unknown_fields=True):
    """How a line shall be from now on. `bytes_s`: of a slow one, each way."""

    name: str
    mode: Mode
    bytes_s: int = 4_000
    seed: int = 0


Command = Open | Set


class Line:
    """One line. `cut`: what is connected breaks, and who comes is turned away. `half open`: the far end
    hears of a break, the near one does not, and what it says is lost for as long as it believes in the
    connection; nobody else gets through until the mode ends."""

    def __init__(self, opened: Open) -> None:
        self.opened = opened
        self.mode: Mode = "whole"
        self.bytes_s = 0
        self._dice = random.Random(0)
        self._pairs: set[Pair] = set()
        self._far = _client_side(opened.tls) if opened.tls else None

    async def listen(self) -> int:
        """Begins to listen; returns the port."""
        server = _listener(self.opened.namespace)
        near = _server_side(self.opened.tls) if self.opened.tls else None
        await asyncio.start_server(self._came, sock=server, ssl=near)
        port: int = server.getsockname()[1]
        return port

    def set(self, wanted: Set) -> None:
        """Changes the mode, for what is connected too."""
        self.mode, self.bytes_s = wanted.mode, wanted.bytes_s
        self._dice = random.Random(wanted.seed)
        for pair in list(self._pairs):
            if self.mode == "cut":
                pair.abort()
            elif self.mode == "half open":
                pair.forget_far()

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode in ("cut", "half open"):
            if self.mode == "cut":
                writer.transport.abort()
            else:
                await _swallow(reader, writer)
            return
        try:
            far = await asyncio.open_connection(
                "127.0.0.1", self.opened.port, ssl=self._far, server_hostname=self._name()
            )
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(self, reader, writer, *far)
        self._pairs.add(pair)
        await pair.run()
        self._pairs.discard(pair)

    def _name(self) -> str | None:
        return "localhost" if self._far else None

    async def carry(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """Takes as long for `data` as this line does. Raises ConnectionError when it breaks."""
        step = SEGMENT if self.mode == "slow" else len(data)
        for at in range(0, len(data), step or 1):
            if self.mode == "slow":
                await asyncio.sleep(min(step, len(data) - at) / self.bytes_s)
            elif self.mode == "lossy":
                await self._lose()
            writer.write(data[at : at + step])
            await writer.drain()

    async def _lose(self) -> None:
        if self._dice.random() < BREAK:
            raise ConnectionResetError
        for stall_s in STALLS_S:
            if self._dice.random() >= LOSS:
                return
            await asyncio.sleep(stall_s)

    def mangle(self) -> Mangle | None:
        """What repeats and reorders the messages of one direction; None where they are not looked into."""
        return Mangle(self._dice) if self.opened.mqtt else None


class Pair:
    """A connection through a line: two tasks carry bytes, one each way."""

    def __init__(
        self,
        line: Line,
        near: asyncio.StreamReader,
        to_near: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        to_far: asyncio.StreamWriter,
    ) -> None:
        self._line = line
        self._ends = ((near, to_far), (far, to_near))
        self._to_near, self._to_far = to_near, to_far
        self._forgotten = False

    async def run(self) -> None:
        """Until both ends are done."""
        await asyncio.gather(*(self._carry(*ends) for ends in self._ends))

    def abort(self) -> None:
        """Breaks both ends."""
        for writer in (self._to_near, self._to_far):
            writer.transport.abort()

    def forget_far(self) -> None:
        """The far end breaks; the near one is not told."""
        self._forgotten = True
        self._to_far.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mangle = self._line.mangle()
        try:
            while data := await reader.read(PIECE):
                if self._forgotten:
                    continue
                if mangle:
                    data = mangle.take(data, self._line.mode)
                await self._line.carry(data, writer)
        except OSError:
            pass  # broken, by either end or by the line
        if not (self._forgotten and writer is self._to_near):
            self.abort()


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes what comes, and never answers."""
    try:
        while await reader.read(PIECE):
            continue
    except OSError:
        pass  # the other end had enough of it
    writer.transport.abort()


def _listener(namespace: str | None) -> socket.socket:
    """A listening socket; it stays in the namespace that it was made in, whatever becomes of its thread."""
    made: list[socket.socket] = []

    def make() -> None:
        if namespace:
            _enter(Path(namespace))
        made.append(socket.create_server(("127.0.0.1", 0)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise OSError(f"no listener in {namespace}")
    return made[0]


def _enter(namespace: Path) -> None:
    """Moves this thread into a network namespace (setns(2))."""
    with namespace.open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


def _server_side(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.server_cert, tls.server_key)
    return context


def _client_side(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    context.load_cert_chain(tls.client_cert, tls.client_key)
    return context


class Lines:
    """All lines of a run, as stdin asks for them."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    async def obey(self, text: bytes) -> dict[str, object]:
        """Does what one line of input says. Returns the answer."""
        try:
            command = msgspec.json.decode(text, type=Command)
            if isinstance(command, Open):
                line = self._lines[command.name] = Line(command)
                return {"name": command.name, "port": await line.listen()}
            self._lines[command.name].set(command)
        except (msgspec.DecodeError, KeyError, OSError) as exc:
            return {"error": f"{type(exc).__name__}: {exc}"}
        return {"name": command.name, "mode": command.mode}


async def serve() -> None:
    """Obeys until the end of input."""
    lines = Lines()
    loop = asyncio.get_running_loop()
    said = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(said), sys.stdin)
    while text := await said.readline():
        answer = await lines.obey(text)
        os.write(sys.stdout.fileno(), msgspec.json.encode(answer) + b"\n")
