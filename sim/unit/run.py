"""`xunkong sim unit`: brings up a unit, and does what the keys say until told to stop."""

import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import msgspec

from gateway.orders import give
from gateway.roster import Wanted
from gateway.unit_config import push
from sim.city import City
from sim.unit import keys, screen, terminal, watch
from sim.unit.relay import Relay
from sim.unit.rhythm import Ear, Edge
from sim.unit.rig import Rig
from wire.live import Role
from wire.orders import Place
from wire.records import Config, Photo, Unreadable
from wire.words import Fault, Language

TICK_S, LOOK_S = 0.05, 0.5
READY_S = 120.0
"""A script waits for so long until its unit is configured; a small machine that is busy takes its time."""

ORDER_S = 60.0
NAMES: dict[Role, str] = {"vehicle": "v-sim", "checkpoint": "cp-sim"}


def run_unit(
    role: Role,
    folder: Path | None,
    broker: tuple[str, int] | None,
    as_json: bool,
    language: Language,
) -> int:
    """Runs until `q`, the end of its input, SIGINT, SIGTERM, or SIGHUP (its terminal is closed). Returns 0.

    `folder`: new or empty, kept; None: a temporary one. `broker` None: a city of its own.
    Raises `Fault` for a folder that is not empty, or that cannot be made.
    """
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: told.append(got))
    with ExitStack() as stack:
        place = _folder(stack, folder)
        draw = sys.stdout.isatty() and not as_json
        stack.enter_context(terminal.single_keys(sys.stdin.fileno()))
        if draw:
            stack.enter_context(terminal.alternate_screen())
            print(NAMES[role], "…", flush=True)
        city = None if broker else stack.enter_context(City(place))
        host, port = broker or ("127.0.0.1", city.broker.port if city else 0)
        session = Session(role, place, Relay(host, port), city, language, draw)
        stack.callback(session.rig.close)
        session.run(told)
    return 0


def _folder(stack: ExitStack, folder: Path | None) -> Path:
    if folder is None:
        temporary = tempfile.TemporaryDirectory(prefix="xunkong-unit-")
        return Path(stack.enter_context(temporary))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as exc:
        raise Fault(
            f"--folder {folder} 不可用：{exc.strerror}；请换一个",
            f"--folder {folder} cannot be used: {exc.strerror}; choose another",
        ) from exc
    if not empty:
        raise Fault(
            f"--folder {folder} 不是空目录；请换一个",
            f"--folder {folder} is not empty; choose another",
        )
    return folder.resolve()


class Session:
    """One run. One thread, its own; the parts have theirs."""

    def __init__(
        self,
        role: Role,
        folder: Path,
        relay: Relay,
        city: City | None,
        language: Language,
        draw: bool,
    ) -> None:
        self._city, self._language, self._draw, self._role = city, language, draw, role
        self.rig = Rig(NAMES[role], role, folder, relay, self._later)
        unit = self.rig.unit
        self._trace, self._records = (
            watch.Trace(unit.trace),
            watch.Records(unit.folder / "journal.db"),
        )
        self._edges: deque[Edge] = deque()
        self._ear, self._keyboard = Ear(), terminal.Keyboard(sys.stdin.fileno())
        self._painter = terminal.Painter()
        self._agenda: list[tuple[float, Callable[[], object]]] = []
        self._signal, self._photo, self._gateway = "-", "-", ""
        self._clock, self._position = "-", "-"
        self._lines: list[str] = []
        self._alarms: tuple[str, ...] = ()
        self._at_gateway: set[str] = set()
        self._ready = self._quit = False
        self._look_s = 0.0
        self._deeds: dict[str, Callable[[], object]] = {
            "sos": self.rig.sos,
            "ack": self.rig.ack,
            "order": lambda: self._order("call-in"),
            "over": lambda: self._order("sos-over"),
            "ignition": self.rig.turn_key,
            "reader": self.rig.plug_reader,
            "noise": self.rig.reader.noise,
            "gps": self.rig.plug_gps,
            "silence": self.rig.silence_gps,
            "link": self.rig.cut_link,
            "kill": self._kill,
            "wait": lambda: self._later(1.0, lambda: None),
            "quit": self._end,
        }

    def run(self, told: list[int]) -> None:
        """The loop; `told` is not empty once a signal came."""
        if self._city:
            _configure(self._city, self.rig.unit.name)
            self._city.keys.enrol(self.rig.unit.name, self.rig.unit.identity)
        self.rig.start()
        begun_s = time.monotonic()
        interactive = sys.stdin.isatty()
        while not told and not self._quit:
            self._keyboard.wait(TICK_S)
            self._turn()
            waiting = not self._ready and self._city and time.monotonic() < begun_s + READY_S
            if interactive or not (waiting or self._agenda):
                self._press(self._keyboard.next())

    def _turn(self) -> None:
        now_s = time.monotonic()
        self._do_due(now_s)
        self._hear()
        if now_s >= self._look_s:
            self._look()
            self._look_s = now_s + LOOK_S
        if self._draw:
            size = get_terminal_size((screen.WIDTH, screen.HEIGHT))
            shown = screen.lines(self._picture(), self._language, size.columns, size.lines)
            self._painter.paint(shown)

    # Keys

    def _press(self, pressed: str | None) -> None:
        if pressed is None:
            self._quit = self._quit or self._keyboard.ended
            return
        key = keys.BY_KEY.get(pressed)
        if key is None:
            self._tell("key", key=pressed, deed=None)
            return
        self._tell("key", key=pressed, deed=key.deed)
        self.rig.tap(key.with_uid) if key.with_uid else self._deeds[key.deed]()

    def _kill(self) -> None:
        self.rig.kill()
        self._trace.news()  # the last of a killed unit's, which nobody hears out
        self._edges.clear()
        self._ear.dark()

    def _order(self, what: str) -> None:
        """The commander's hand; where the gateway is not ours, it has its own."""
        if self._city:
            give(self._city.store, self.rig.unit.name, what, None, ORDER_S)

    def _end(self) -> None:
        self._quit = True

    def _later(self, after_s: float, deed: Callable[[], object]) -> None:
        self._agenda.append((time.monotonic() + after_s, deed))

    def _do_due(self, now_s: float) -> None:
        due = [deed for at_s, deed in self._agenda if at_s <= now_s]
        self._agenda = [(at_s, deed) for at_s, deed in self._agenda if at_s > now_s]
        for deed in due:
            deed()

    # Looking

    def _hear(self) -> None:
        """Up to the end of one signal: each is shown, also where several came while nobody looked."""
        now_ns = time.monotonic_ns()
        self._edges += self._trace.news()
        while self._edges:
            edge = self._edges.popleft()
            self._tell("edge", pin=edge.pin, value=edge.value, mono_ns=edge.mono_ns)
            if self._heard(self._ear.take(edge)):
                return
        self._heard(self._ear.quiet(now_ns))

    def _heard(self, name: str | None) -> bool:
        if name is not None:
            self._signal = name
            self._tell("signal", name=name)
        return name is not None

    def _look(self) -> None:
        for kept in self._records.news():
            self._kept(kept)
        if self._city:
            self._look_at_gateway(self._city)

    def _kept(self, kept: watch.Kept) -> None:
        self._tell(
            "record", stream=kept.stream, log=kept.log, seq=kept.seq, record=msgspec.Raw(kept.raw)
        )
        record = kept.record
        self._alarms = watch.fold_alarms(self._alarms, record)
        if kept.stream == "event":
            self._lines = [*self._lines, watch.line(kept)][-screen.RECORDS :]
        if isinstance(record, Unreadable):
            return
        self._ready = self._ready or isinstance(record, Config)
        self._clock = f"{record.clock} ±{record.clock_err_ms} ms"
        if record.pos:
            self._position = f"{record.pos.lat:.5f}, {record.pos.lon:.5f} ±{record.pos.hacc_m} m"
        if isinstance(record, Photo):
            self._photo = f"{record.reason} {record.width}x{record.height} {record.sha256[:12]}"

    def _look_at_gateway(self, city: City) -> None:
        found = city.committed()
        for row in (row for row in found if row["id"] not in self._at_gateway):
            self._at_gateway.add(row["id"])
            self._tell("gateway", id=row["id"], kind=row["record"]["kind"])
        last = found[-1]["record"]["kind"] if found else "-"
        self._gateway = f"{len(found)} · {last}"

    def _picture(self) -> screen.Picture:
        return screen.Picture(
            unit=self.rig.unit.name,
            role=self._role,
            running=self.rig.unit.program.running,
            linked=self.rig.relay.up,
            clock=f"{time.strftime('%H:%M:%S')} · {self._clock}",
            position=self._position,
            lit=self._ear.lit,
            signal=self._signal,
            records=tuple(self._lines),
            queue="  ".join(f"{name} {count}" for name, count in self._records.queue.items()),
            alarms=self._alarms,
            photo=self._photo,
            gateway=self._gateway if self._city else None,
            parts=self.rig.parts(),
        )

    def _tell(self, what: str, **more: Any) -> None:
        if not self._draw:
            line = msgspec.json.encode({"what": what, **more})
            print(line.decode("utf-8", "replace"), flush=True)


def _configure(city: City, unit: str) -> None:
    place = Place(unit, unit, 27.24, 111.47)
    wanted = Wanted(
        place=unit, badges=keys.BADGES, duties=keys.DUTIES, places=[place], repeat_s=5.0
    )
    push(city.store, unit, wanted)
