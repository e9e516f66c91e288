"""Brokers for demo, measurements and tests: in clear (mosquitto or an embedded rumqttd), or a site's own with TLS."""

import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from os import geteuid
from pathlib import Path
from pwd import getpwuid
from typing import Self

from gateway.config import load
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.store.open import open_store
from sim.leash import leashed
from wire.words import Fault

READY_S = 15.0
SERVERS = range(15_000, 32_000)
"""Below the ports that Linux gives to clients (ip_local_port_range: from 32768)."""

MOSQUITTO = """\
user {user}
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
log_type error
"""
RUMQTTD = """\
from iotcore import IotCoreBroker
IotCoreBroker(
    listen="127.0.0.1", port={port}, max_payload_size=1048576, max_inflight_count=1000
).run_forever()
"""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has at this moment."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody has at this moment, none of which a client is ever given."""
    while True:
        first = random.SystemRandom().choice(SERVERS)
        with ExitStack() as held, suppress(OSError):
            for number in range(count):
                probe = held.enter_context(socket.socket())
                probe.bind(("127.0.0.1", first + number))
            return first


def find_mosquitto() -> str | None:
    """The path of mosquitto; None where it is not installed."""
    return shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def _own_name() -> str:
    """Whoever is at work: a mosquitto that changes its user outlives its owner (prctl(2))."""
    return getpwuid(geteuid()).pw_name


class AnyBroker:
    """A broker's process on 127.0.0.1, which can be cut off and brought back; units reach it at `port`.

    It ends with the thread that started it. `kind` says which broker it is.
    """

    kind = "mosquitto"

    def __init__(self, command: list[str], port: int, log: Path, last: int | None = None) -> None:
        """`last`: the port that it opens after all others."""
        self.port, self._last = port, last or port
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number, 0 while it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> Self:
        """Starts it, and waits until it listens. Raises RuntimeError if it does not."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(leashed(self._command), stdout=log, stderr=log)
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._last)) == 0:
                    return self
            time.sleep(0.02)
        raise RuntimeError(f"the broker does not listen on port {self.port}; see {self._log}")

    def cut(self) -> None:
        """Kills it: connections break, and what it held is gone."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    stop = cut


class Broker(AnyBroker):
    """A broker in clear. `kind` says which one it is."""

    def __init__(self, folder: Path, port: int | None = None, embedded: bool = False) -> None:
        port = port or free_port()
        mosquitto = None if embedded else find_mosquitto()
        self.kind = "mosquitto" if mosquitto else "rumqttd"
        if mosquitto:
            conf = folder / "mosquitto.conf"
            conf.write_text(MOSQUITTO.format(port=port, user=_own_name()), "ascii")
            command = [mosquitto, "-c", str(conf)]
        else:
            command = [sys.executable, "-c", RUMQTTD.format(port=port)]
        super().__init__(command, port, folder / "broker.log")


class SiteBroker(AnyBroker):
    """The mosquitto of the site whose configuration is `gateway_toml`, as `broker config` sets it up.

    It runs as the user at work, whose temporary folders nobody else may enter. Raises `wire.words.Fault`
    where mosquitto is not installed.
    """

    def __init__(self, gateway_toml: Path) -> None:
        mosquitto = find_mosquitto()
        if mosquitto is None:
            raise Fault(
                "未安装 mosquitto；请运行 apt install mosquitto",
                "mosquitto is not installed; run: apt install mosquitto",
            )
        config = load(gateway_toml)
        folder = BrokerFolder(config, _own_name())
        store = open_store(config.store.url)
        try:
            folder.write(store, now_ms())
        finally:
            store.close()
        self.log = folder.path / "broker.log"
        command = [mosquitto, "-c", str(folder.conf)]
        ports = config.mosquitto
        super().__init__(command, ports.units_port, self.log, last=ports.gateway_port)
