"""A small city on one machine: broker, gateway, platform and units, as processes of their own."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from gateway.lookup import UnitRow, Wanted, found_records, unit_rows
from gateway.store.open import Store, open_store
from sim.broker import AnyBroker, Broker, SiteBroker, free_port, free_ports
from sim.keys import CityKeys
from sim.program import Program

WAIT_S = 30.0
POLL_S = 0.05


class Listening(Protocol):
    """A broker on 127.0.0.1, or a way to one."""

    port: int


class Unit:
    """One unit's process and files. `parts` are the TOML sections of its simulated parts.

    `tls`: whether `broker` is spoken to over TLS. Its papers are still to be laid into `identity` (`CityKeys.enrol`).
    """

    def __init__(
        self,
        name: str,
        role: str,
        folder: Path,
        broker: Listening,
        parts: str,
        tls: bool = False,
        journal: str = "journal.db",
    ) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.config = self.folder / "device.toml"
        self.identity = self.folder / "identity"
        self.trace = self.folder / "trace.jsonl"
        self.trace.touch()
        self.config.write_text(
            f'[unit]\nid = "{name}"\nrole = "{role}"\n'
            f'[[broker]]\nhost = "127.0.0.1"\nport = {broker.port}\ntls = {str(tls).lower()}\n'
            f'[journal]\npath = "{journal}"\n'
            f'[panel]\nkind = "sim"\ntrace = "trace.jsonl"\n{parts}',
            "utf-8",
        )
        arguments = ["device", "run", "--config", str(self.config)]
        self.program = Program(arguments, self.folder / "log.txt")


class City:
    """Everything but the units; `folder` must be empty. Use `with`: all processes end with it.

    `tls`: the broker is a mosquitto as a site has it, over TLS and by certificate; else one in clear.
    """

    def __init__(self, folder: Path, embedded_broker: bool = False, tls: bool = False) -> None:
        self.folder, self.tls = folder, tls
        self.keys = CityKeys(folder / "keys")
        self.platform_port = free_port()
        self.events = folder / "platform.jsonl"
        self.gateway_toml = folder / "gateway.toml"
        self.broker = self._site_broker() if tls else self._plain_broker(embedded_broker)
        self.gateway = Program(self._gateway("run"), folder / "gateway.log")
        platform = ["--port", str(self.platform_port), "--store", str(self.events)]
        self.platform = Program(["sim", "platform", *platform], folder / "platform.log")
        self.units: list[Unit] = []
        self._store: Store | None = None

    def _plain_broker(self, embedded: bool) -> AnyBroker:
        broker = Broker(self.folder, embedded=embedded)
        self._write_toml(f"port = {broker.port}\ntls = false\n")
        return broker

    def _site_broker(self) -> AnyBroker:
        units = free_ports(3)
        self._write_toml(
            f"port = {units + 2}\n[mosquitto]\nunits_port = {units}\n"
            f"enrol_port = {units + 1}\ngateway_port = {units + 2}\n"
        )
        return SiteBroker(self.gateway_toml)

    def _write_toml(self, broker: str) -> None:
        self.gateway_toml.write_text(
            f'[[broker]]\nhost = "127.0.0.1"\n{broker}'
            '[store]\nurl = "sqlite:///store.db"\n'
            f'[[sink]]\nkind = "cloudevents"\nurl = "http://127.0.0.1:{self.platform_port}/events"\n',
            "utf-8",
        )

    def _gateway(self, *words: str) -> list[str]:
        return ["gateway", *words, "--config", str(self.gateway_toml)]

    def __enter__(self) -> "City":
        try:
            self.broker.start()
            self.platform.start().first_line()
            self.gateway.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process."""
        for unit in self.units:
            unit.program.stop()
        self.gateway.stop()
        self.platform.stop()
        self.broker.stop()
        self.close_store()

    def close_store(self) -> None:
        """Lets go of the gateway's store; it is opened anew when it is next looked at."""
        if self._store:
            self._store.close()
            self._store = None

    def add(
        self,
        name: str,
        role: str,
        parts: str = "",
        via: Listening | None = None,
        journal: str = "journal.db",
    ) -> Unit:
        """A unit more; it is not started yet. `via`: a way to the broker, None: straight there."""
        unit = Unit(name, role, self.folder, via or self.broker, parts, self.tls, journal)
        self.keys.enrol(name, unit.identity)
        self.units.append(unit)
        return unit

    # Looking

    @property
    def store(self) -> Store:
        """The gateway's store, opened beside the gateway."""
        if self._store is None:
            self._store = open_store(f"sqlite:///{self.folder / 'store.db'}")
        return self._store

    def rows(self) -> dict[str, UnitRow]:
        """How each unit is, as the gateway has it."""
        return {row.unit: row for row in unit_rows(self.store, time.time_ns() // 1_000_000)}

    def committed(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The records in the store; `record` decoded."""
        found = found_records(self.store, Wanted(kind=kind))
        return [{**row, "record": json.loads(bytes(row["record"]))} for row in found]

    def received(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What the platform has so far: CLOCK_MONOTONIC ns of receipt, and the event."""
        with self.events.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    kept = json.loads(line)
                    yield kept["received_ns"], kept["event"]

    def control(self, mode: str) -> None:
        """Tells the platform how to behave."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.platform_port}/control",
            data=json.dumps({"mode": mode}).encode(),
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=5):
            return


def wait_for(what: Callable[[], bool], most_s: float = WAIT_S) -> bool:
    """Asks until `what` holds; False if it did not within `most_s`."""
    until_s = time.monotonic() + most_s
    while not what():
        if time.monotonic() >= until_s:
            return False
        time.sleep(POLL_S)
    return True
