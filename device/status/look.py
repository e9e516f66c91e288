"""Finds out how the unit on this machine is, by what can be read; whatever is broken, the rest is still found out.

The journal is read beside the running unit, and nothing is written: a file that SQLite has to make beside it belongs
to whom the journal belongs (SQLite sees to that when root reads).
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from device import bulletin, system
from device.clock_report import ClockReport, of_this_machine
from device.config import DeviceConfig, load
from device.core.health import NOTE, Note
from device.core.moment import Now
from device.core.present import Present
from device.journal.aside import reading
from device.journal.errors import RottenRow
from device.journal.inspect import all_logs
from device.journal.journal import Journal
from device.known_time import newest_events
from device.memory import notes_of
from device.papers import Papers
from device.photos.folder import unsent
from device.places import Places, by_config, usual
from device.status.plain import is_silent, plain
from device.status.status import (
    ClockSaid,
    PapersSaid,
    PartSaid,
    Queue,
    Row,
    Software,
    Status,
    Trouble,
)
from device.status.systemd import DEVICE, SAFE_MODE, ServiceSaid, ask
from device.update.command import KEEP, KEY, ROOT
from device.update.guard import SLOTS, Place
from hardware.board.readings import Board
from hardware.modem.meaning import ModemReading
from hardware.modem.mmcli import Mmcli
from wire.batch import decode_record
from wire.certificates import LAST_MS
from wire.limits import MAX_RECORD_BYTES
from wire.live import ModemHealth
from wire.orders import ConfigMessage
from wire.records import Record
from wire.words import Fault, Words

T = TypeVar("T")
STALE_MS = 10_000
"""The unit says how it is every two seconds: longer silence is a fault."""

RECORDS = 10


class Look:
    """One look. `run`: where the unit's service puts up how it is; `key`: whose signature makes a release count."""

    def __init__(self, path: Path, run: Path = bulletin.FOLDER, key: Path = KEY) -> None:
        self._path, self._run, self._key = path, run, key
        self._troubles: list[Trouble] = []

    def status(self) -> Status:
        """How the unit is."""
        now = system.now()
        config = self._tried("configuration", lambda: load(self._path))
        places = by_config(self._path, config) if config else usual()
        services = ask(DEVICE), ask(SAFE_MODE)
        present = bulletin.read(self._run)
        silent_s = _silence_s(present, now.up_ms)
        live = None if silent_s else present
        papers = self._tried("certificate", lambda: _papers(places))
        self._judge_service(services, present, silent_s)
        journal = self._tried("journal", lambda: self._journal(places, live)) or _Read()
        health = live.state.health if live else None
        return Status(
            at_ms=now.wall_ms,
            up_ms=now.up_ms,
            zone=config.health.zone if config else "UTC",
            unit=config.unit.id if config else papers.unit if papers else None,
            role=config.unit.role if config else None,
            service=services[0],
            safe_mode=_is_active(services[1]),
            present=present,
            silent_s=silent_s,
            parts=tuple(_parts(self._path.parent, config, live)),
            clock=_clock(now, live, journal.clock),
            queue=journal.queue,
            papers=papers,
            configuration=journal.configuration,
            software=self._software(config, live),
            board=Board(places.journal.parent).read(),
            modem=health.modem if health and health.modem else _modem(config),
            alarms=tuple(live.state.alarms) if live else journal.raised,
            records=journal.records,
            troubles=tuple(self._troubles),
        )

    def _tried(self, about: str, look: Callable[[], T]) -> T | None:
        """What `look` finds; None where it cannot, and what is in the way is a trouble."""
        try:
            return look()
        except Fault as exc:
            words = exc.words
        except OSError as exc:
            words = Words(f"无法读取：{exc}", f"cannot be read: {exc}")
        self._troubles.append(Trouble(about, words))
        return None

    # The service

    def _judge_service(
        self,
        services: tuple[ServiceSaid | None, ServiceSaid | None],
        present: Present | None,
        silent_s: float | None,
    ) -> None:
        device, safe_mode = services
        words = None
        if _is_active(safe_mode):
            words = Words(
                "安全模式：单元一再无法启动，不接受打卡；原因见 journalctl -u xunkong-device",
                "SAFE MODE: the unit could not start again and again, and takes no tap; why: "
                "journalctl -u xunkong-device",
            )
        elif device and device.active != "active":
            words = Words(
                f"服务未运行（{device.active}）；请运行 systemctl start xunkong-device，"
                "原因见 journalctl -u xunkong-device",
                f"the service is {device.active}; systemctl start xunkong-device, and why it is so: "
                "journalctl -u xunkong-device",
            )
        elif present is None:
            words = Words(
                f"单元没有在 {self._run} 说明现状；它在运行吗？",
                f"the unit says nothing in {self._run}; is it running?",
            )
        elif silent_s:
            words = Words(
                f"单元已 {silent_s:.0f} 秒没有说明现状；它还在运行吗？",
                f"the unit has said nothing for {silent_s:.0f} s; is it still running?",
            )
        if words:
            self._troubles.insert(0, Trouble("service", words))

    # The journal

    def _journal(self, places: Places, live: Present | None) -> "_Read":
        """What stands in the journal; `live` knows better what waits."""
        photos = len(self._tried("photos", lambda: unsent(places.photos)) or {})
        with reading(places.journal) as journal:
            notes = notes_of(journal)
            config = notes.recall("config", ConfigMessage)
            note = notes.recall(NOTE, Note) or Note()
            self._troubles += [
                Trouble(
                    "journal",
                    Words(f"设置 {name} 已损坏", f"the setting {name} is damaged on the card"),
                )
                for name in notes.damaged
            ]
            return _Read(
                clock=of_this_machine(journal),
                queue=_queue(journal, photos, live),
                configuration=config.version if config else None,
                raised=tuple(note.raised.values()),
                records=tuple(_rows(journal)),
            )

    # The software

    def _software(self, config: DeviceConfig | None, live: Present | None) -> Software:
        keep = Path(config.update.keep) if config and config.update else KEEP
        place = Place(ROOT, keep)
        slot = place.linked()
        state = place.read() if slot else None
        other = state.slots.get(SLOTS[1 - SLOTS.index(slot)]) if state and slot else None
        trial = state.trial if state else None
        return Software(
            version=(live and live.state.version) or version("xunkong"),
            slot=slot,
            other=other.version if other else None,
            trial=trial.slot if trial else None,
            starts=trial.starts if trial else 0,
            release_key=self._key.exists(),
        )


class _Read(Struct, frozen=True):
    """What was read of the journal; as it begins, where it cannot be read."""

    clock: ClockReport | None = None
    queue: Queue | None = None
    configuration: int | None = None
    raised: tuple[str, ...] = ()
    records: tuple[Row, ...] = ()


def _is_active(said: ServiceSaid | None) -> bool:
    return said is not None and said.active == "active"


def _silence_s(present: Present | None, up_ms: int) -> float | None:
    """How old the unit's last word is; None where it is of now, or there is none. After a boot there is none."""
    if present is None or 0 <= up_ms - present.up_ms <= STALE_MS:
        return None
    return abs(up_ms - present.up_ms) / 1000


def _clock(now: Now, live: Present | None, report: ClockReport | None) -> ClockSaid:
    """The unit's own word where it runs, else what its journal knows of this boot."""
    steered, behind_ms = system.is_steered()[0], report.behind_ms if report else 0
    if live:
        at_ms = live.state.at_ms
        now_ms = None if at_ms is None else at_ms + now.up_ms - live.up_ms
        err_ms = live.clock_err_ms
        return ClockSaid(live.state.clock, now_ms, err_ms, now.wall_ms, steered, behind_ms)
    if report:
        known = (report.source, report.at_ms, report.err_ms)
        return ClockSaid(*known, report.system_ms, steered, behind_ms)
    return ClockSaid("none", None, None, now.wall_ms, steered, behind_ms)


def _papers(places: Places) -> PapersSaid:
    held = Papers(None, places.identity).load()
    issued_ms = held.serial >> 64
    span_ms = held.to_ms - issued_ms
    renews_ms = held.to_ms - (span_ms // 3 if span_ms > 0 else LAST_MS)
    return PapersSaid(held.name, held.kid, held.to_ms, renews_ms)


def _parts(folder: Path, config: DeviceConfig | None, live: Present | None) -> Iterator[PartSaid]:
    """Those that are configured, and whatever else the unit speaks of."""
    ports: dict[str, str | None] = {}
    if config:
        ports |= {"nfc": config.nfc.port} if config.nfc else {}
        ports |= {"gps": config.gps.port} if config.gps else {}
        ports |= {"panel": None} if config.panel.kind != "none" else {}
        ports |= {"camera": None} if config.camera.kind != "none" else {}
    health = live.state.health if live else None
    words, heard_s = (health.parts, health.heard_s) if health else ({}, {})
    for name in [*ports, *(one for one in words if one not in ports)]:
        port = ports.get(name)
        there = (folder / port).exists() if port else None
        yield PartSaid(name, words.get(name), heard_s.get(name), port, there)


def _modem(config: DeviceConfig | None) -> ModemReading | ModemHealth | None:
    return Mmcli(config.modem.command).read() if config and config.modem else None


def _queue(journal: Journal, photos: int, live: Present | None) -> Queue:
    waiting, oldest = {"event": 0, "track": 0}, []
    for state in all_logs(journal):
        first = max(state.next, state.oldest)
        waiting[state.stream] += max(0, state.last + 1 - first)
        try:
            found = journal.read(
                state.stream, state.log, first, max_count=1, max_bytes=MAX_RECORD_BYTES
            )
        except RottenRow:
            continue
        record = decode_record(found.raws[0]) if found else None
        if isinstance(record, Record) and record.at_ms is not None:
            oldest.append(record.at_ms)
    if live:
        photos = max(photos, live.state.queue.get("photo", 0))
    return Queue(waiting["event"], waiting["track"], photos, min(oldest, default=None))


def _rows(journal: Journal) -> Iterator[Row]:
    """The newest events, the newest first, without those that the box must not show."""
    shown = (record for record in newest_events(journal) if not is_silent(record))
    for _, record in zip(range(RECORDS), shown, strict=False):
        yield Row(record.at_ms, plain(record))
