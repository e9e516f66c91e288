"""The rig's world: broker, gateway, platform, lines and units as processes of their own, officers at every reader."""

import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from msgspec import Struct

from gateway.config import load
from gateway.forward.parking import listed
from gateway.roster import RosterBadge, Wanted
from gateway.store.open import open_store
from gateway.unit_config import push
from hardware.pn532.twin import Pn532Twin
from sim.chaos.box import DOOMED, Box, find_faketime
from sim.chaos.ground import Card, Net, can_mount, can_net
from sim.chaos.line import Open, Set, Tls
from sim.chaos.officer import Officer
from sim.city import City, wait_for
from sim.program import Program
from sim.tally import Received
from sim.tapper import badge
from wire.orders import Place

LOOK_S = 0.005
PAUSE_S = (0.0, 0.05)
READY_S = 120.0
TAPS_S = 3.5
"""More than this an officer cannot tap in a second."""

REPEAT_S = 120.0
"""Longer than an officer holds a badge: what lies there for longer than this is a check-in again, and rightly."""

GATEWAY_LINE = "gateway"
WORKERS = ("ingest", "forward")
TLS_FILES = ("ca.crt", "broker.crt", "broker.key", "gateway.crt", "gateway.key")


class Arrivals:
    """What the platform has, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0
        self.all: list[Received] = []

    def read(self) -> list[Received]:
        """Everything so far."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            kept = msgspec.json.decode(line)
            self.all.append((kept["received_ns"], kept["event"]))
        return self.all


class Way(Struct):
    """A way to the broker: a port of 127.0.0.1."""

    port: int


class Lines:
    """The process that keeps the bad lines."""

    def __init__(self, log: Path) -> None:
        self._program = Program(["sim", "line"], log).start()

    def open(self, wanted: Open) -> int:
        """A line more; returns its port."""
        return int(self._ask(wanted)["port"])

    def set(self, name: str, mode: Any, seed: int = 0) -> None:
        """How a line shall be from now on."""
        self._ask(Set(name, mode, seed=seed))

    def _ask(self, command: Open | Set) -> dict[str, Any]:
        answer: dict[str, Any] = msgspec.json.decode(
            self._program.ask(msgspec.json.encode(command).decode())
        )
        if "error" in answer:
            raise RuntimeError(f"sim line: {answer['error']}")
        return answer

    def close(self) -> None:
        self._program.stop()


class World:
    """Everything, in an empty `folder`. Use `with`: whatever was made or started ends with it."""

    def __init__(self, folder: Path, units: int, for_s: float, seed: int) -> None:
        self.folder, self._for_s, self._seed = folder, for_s, seed
        self._stack = ExitStack()
        self._names = [f"cp-{number:02d}" for number in range(1, units + 1)]
        self.boxes: dict[str, Box] = {}
        self.parked: set[str] = set()
        self.mounts = self.nets = False
        self.faketime = find_faketime()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="officers", daemon=True)

    def __enter__(self) -> "World":
        with ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._stack.close()

    def _build(self, stack: ExitStack) -> None:
        self.mounts = can_mount(self.folder)
        self.nets = can_net(f"xk-{self.folder.name[-8:]}")
        self.city = stack.enter_context(City(self.folder, tls=True))
        self.city.gateway.stop()
        self.arrivals = Arrivals(self.city.events)
        self.lines = Lines(self.folder / "lines.log")
        stack.callback(self.lines.close)
        self._reroute_gateway()
        self.workers = {
            name: Program(self._worker(name), self.folder / f"{name}.log") for name in WORKERS
        }
        self.doomed: dict[str, Program] = {}
        stack.callback(self._stop_workers)
        for number, name in enumerate(self._names):
            self.boxes[name] = self._box(stack, number, name)

    def _reroute_gateway(self) -> None:
        """All that the gateway hears and says goes through a line that looks into it."""
        port = load(self.city.gateway_toml).broker[0].port
        keys = self.city.keys.folder.path
        tls = Tls(*(str(keys / name) for name in TLS_FILES))
        line = self.lines.open(Open(GATEWAY_LINE, port, mqtt=True, tls=tls))
        toml = self.city.gateway_toml
        toml.write_text(
            toml.read_text("utf-8").replace(f"\nport = {port}", f"\nport = {line}"), "utf-8"
        )

    def _worker(self, name: str) -> list[str]:
        return ["gateway", name, "--config", str(self.city.gateway_toml)]

    def _stop_workers(self) -> None:
        for name in WORKERS:
            self.stop_worker(name)

    def _box(self, stack: ExitStack, number: int, name: str) -> Box:
        net = Net(f"xk-{self.folder.name[-8:]}-{number}") if self.nets else None
        if net:
            stack.callback(net.close)
        wanted = Open(name, self.city.broker.port, namespace=net.path if net else None)
        port = self.folder / f"{name}.nfc"
        reader = Pn532Twin(port)
        stack.callback(reader.stop)
        unit = self.city.add(
            name,
            "checkpoint",
            f'[nfc]\nport = "{port}"\n',
            journal="card/journal.db",
            via=Way(self.lines.open(wanted)),
        )
        card = Card(unit.folder / "card", self.mounts)
        stack.callback(card.close)
        box = Box(unit, card, net, self.faketime, reader)
        stack.callback(box.stop)
        box.officer = Officer(name, reader, self._seed * 1000 + number, PAUSE_S)
        self._configure(name)
        return box

    def _configure(self, name: str) -> None:
        place = Place(name, name, 27.2418, 111.4725)
        roster = [
            RosterBadge(badge(n), f"p-{n:05d}") for n in range(int(self._for_s * TAPS_S) + 100)
        ]
        config = Wanted(place=name, badges=roster, places=[place], repeat_s=REPEAT_S)
        push(self.city.store, name, config)

    # The start and the end

    def start(self) -> None:
        """Starts all, and waits until every unit is known and has its configuration. Raises RuntimeError."""
        for program in self.workers.values():
            program.start()
        for box in self.boxes.values():
            box.start()
        if not wait_for(self._ready, READY_S):
            raise RuntimeError(f"units are not ready: {self.city.rows()}; see {self.folder}")
        self.city.store.close()
        self._thread.start()
        for box in self.boxes.values():
            box.officer.working = True

    def _ready(self) -> bool:
        rows = self.city.rows()
        return all(
            (row := rows.get(name)) and row.online and row.config == row.config_wanted
            for name in self._names
        )

    def end_of_shift(self) -> None:
        """Nobody taps any more; those at a reader wait for their answer."""
        for box in self.boxes.values():
            box.officer.working = False
        wait_for(lambda: not any(box.officer.held for box in self.boxes.values()))

    def _watch(self) -> None:
        """The officers' thread: it touches traces, readers and officers."""
        while not self._stop.wait(LOOK_S):
            now_ns = time.monotonic_ns()
            for box in self.boxes.values():
                box.look(now_ns)

    # The gateway's processes

    def kill_worker(self, name: str) -> None:
        """SIGKILL, whichever of the two is running."""
        for program in (self.workers[name], self.doomed.pop(name, None)):
            if program:
                program.kill()

    def stop_worker(self, name: str) -> None:
        """In good order."""
        for program in (self.workers[name], self.doomed.pop(name, None)):
            if program:
                program.stop()

    def doom_worker(self, name: str, point: str, nth: int) -> None:
        """Starts one that dies at `point`."""
        armed = self.folder / f"{name}.armed"
        armed.touch()
        words = [name, str(self.city.gateway_toml), point, str(nth), str(armed)]
        program = Program(words, self.folder / f"{name}.log", module=DOOMED)
        self.doomed[name] = program.start()

    def note_parked(self) -> None:
        """Remembers what the platform has refused: it is sent again later, and out of order."""
        with closing(open_store(f"sqlite:///{self.folder / 'store.db'}")) as store:
            self.parked |= {row.id for row in listed(store)}

    def ask_for_parked(self) -> None:
        """As a person does who has spoken with the platform's people."""
        self.note_parked()
        words = ["gateway", "forward", "retry", "--config", str(self.city.gateway_toml)]
        asking = Program(words, self.folder / "retry.log").start()
        asking.wait()

    def backup(self, to: Path) -> None:
        """`gateway backup`, while the gateway is in use; it may go on for a moment."""
        to.unlink(missing_ok=True)
        self._saving = self._gateway("backup", str(to)).start()

    def restore(self, saved: Path) -> None:
        """`gateway restore`; neither ingest nor forward may run. Raises RuntimeError where it fails."""
        if self._saving.wait() or self._gateway("restore", str(saved), "--force").start().wait():
            raise RuntimeError(f"backup or restore failed; see {self.folder / 'backup.log'}")

    def _gateway(self, *words: str) -> Program:
        config = ("--config", str(self.city.gateway_toml))
        return Program(["gateway", *words, *config], self.folder / "backup.log")
