"""A broker for demo, measurements and tests: mosquitto where it is installed, else an embedded rumqttd."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

READY_S = 15.0
MOSQUITTO = """\
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_mosquitto() -> str | None:
    """The path of mosquitto; None where it is not installed."""
    return shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Broker:
    """A broker on 127.0.0.1 that can be cut off and brought back. `kind` says which one it is."""

    def __init__(self, folder: Path, port: int | None = None, embedded: bool = False) -> None:
        self.port = port or free_port()
        mosquitto = None if embedded else find_mosquitto()
        self.kind = "mosquitto" if mosquitto else "rumqttd"
        self._log = folder / "broker.log"
        if mosquitto:
            conf = folder / "mosquitto.conf"
            conf.write_text(MOSQUITTO.format(port=self.port), "ascii")
            self._command = [mosquitto, "-c", str(conf)]
        else:
            self._command = [sys.executable, "-c", RUMQTTD.format(port=self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number, 0 while it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> "Broker":
        """Starts it, and waits until it listens. Raises RuntimeError if it does not."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
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
