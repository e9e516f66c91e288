"""Commissioning: the place and the link, beside a running unit or without one; and the sheet that comes of it."""

import html
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from device import bulletin
from device.commission.link import Walk, judge_trust, judge_walk, reachable, walk
from device.commission.place import Placed, judge_place, kept_fixes, placed, told_fix
from device.config import DeviceConfig, GpsSection, identity_folder, journal_path
from device.core.clock import BUILT_MS
from device.journal.errors import JournalBusy, JournalError
from device.journal.journal import Journal
from device.journal.lock import own, release
from device.papers import Papers
from device.selftest.finding import Finding, fit, row
from device.system import boot_id, up_ms
from hardware.gps.epoch import GpsFix
from hardware.gps.reader import GpsEvent, GpsReader
from hardware.modem.mmcli import Mmcli
from wire.track import TrackFix
from wire.words import Fault

STYLE = (
    "body{font:12pt sans-serif}table{border-collapse:collapse}td{border:1px solid #888;padding:2mm}"
)


class Commissioned(Struct, frozen=True):
    """`place`: the one to be used, by hand where it was given; None where there is none."""

    unit: str
    role: str
    at: str
    place: Placed | None
    walk: Walk
    findings: tuple[Finding, ...]

    @property
    def fit(self) -> bool:
        """Whether the unit may stay where it is."""
        return fit(self.findings)

    def row(self) -> dict[str, object]:
        """For machines."""
        where = self.place
        table: dict[str, object] = {"unit": self.unit, "role": self.role, "at": self.at}
        table["fit"] = self.fit
        table["place"] = where and {
            "lat": round(where.lat, 7),
            "lon": round(where.lon, 7),
            "spread_m": where.spread_m,
            "fixes": where.fixes,
            "sats": where.sats,
        }
        return table | {"link": self.walk.row(), "findings": [row(one) for one in self.findings]}


def commission(
    path: Path,
    config: DeviceConfig,
    given: Placed | None,
    seconds: float,
    waiting: Callable[[float, float], None],
    run: Path = bulletin.FOLDER,
) -> Commissioned:
    """Takes `seconds` and a little. `waiting`: how much of them is left. `run`: where a running unit puts up how it
    is. Raises `Fault`."""
    modem = Mmcli(config.modem.command) if config.modem else None
    broker = reachable(config.brokers())
    papers = Papers(config.unit.id, identity_folder(path, config))
    with _fixes(path, config, run) as fixes:
        trust = list(judge_trust(broker, papers))

        def tick(left_s: float, of_s: float) -> None:
            fixes.look()
            waiting(left_s, of_s)

        walked = walk(broker, seconds, modem.read if modem else None, tick)
        seen = placed(fixes.seen())
    findings = (*judge_place(seen, given), *trust, *judge_walk(walked))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Commissioned(config.unit.id, config.unit.role, at, given or seen, walked, findings)


class _Fixes(Protocol):
    """Where fixes come from."""

    def look(self) -> None:
        """Called about once a second."""

    def seen(self) -> list[TrackFix]:
        """All so far, in order."""
        ...


class _Heard:
    """The receiver's own, or none. The receiver's thread appends, and nothing else does."""

    def __init__(self) -> None:
        self.fixes: list[TrackFix] = []

    def look(self) -> None:
        """They come by themselves."""

    def seen(self) -> list[TrackFix]:
        return self.fixes


class _Told:
    """A running unit's, which has the receiver: what it puts up each two seconds, and what it kept."""

    def __init__(self, journal: Path, run: Path) -> None:
        self._journal, self._run = journal, run
        self._fixes: dict[int, TrackFix] = {}

    def look(self) -> None:
        fix = told_fix(bulletin.read(self._run))
        if fix:
            self._fixes[fix.up_ms] = fix

    def seen(self) -> list[TrackFix]:
        fixes = {fix.up_ms: fix for fix in _of_journal(self._journal)} | self._fixes
        return [fixes[at_ms] for at_ms in sorted(fixes)]


@contextmanager
def _fixes(path: Path, config: DeviceConfig, run: Path) -> Iterator[_Fixes]:
    where = journal_path(path, config)
    if config.gps is None:
        yield _Heard()
    elif _runs(where):
        yield _Told(where, run)
    else:
        with _listening(config.gps) as heard:
            yield heard


def _runs(journal: Path) -> bool:
    """Whether a unit has the journal, and with it the parts."""
    if not journal.with_name(f"{journal.name}.lock").exists():
        return False
    try:
        release(own(journal))
    except JournalBusy:
        return True
    except JournalError:
        return False
    return False


def _of_journal(where: Path) -> list[TrackFix]:
    journal = Journal.open(where, read_only=True)
    try:
        return kept_fixes(journal, boot_id(), up_ms())
    finally:
        journal.close()


@contextmanager
def _listening(gps: GpsSection) -> Iterator[_Heard]:
    heard = _Heard()

    def told(event: GpsEvent) -> None:
        if isinstance(event, GpsFix):
            at = TrackFix(
                None, event.up_ms, event.lat, event.lon, hacc_m=event.hacc_m, sats=event.sats
            )
            heard.fixes.append(at)

    reader = GpsReader(gps.port, gps.baud, told, floor_utc_ms=BUILT_MS)
    reader.start()
    try:
        yield heard
    finally:
        reader.stop()


def write_sheet(found: Commissioned, folder: Path) -> tuple[Path, Path]:
    """`commission.json` and `commission.html`, for the box; they belong to whom `folder` does. Raises `Fault`."""
    paths = folder / "commission.json", folder / "commission.html"
    texts = json.dumps(found.row(), ensure_ascii=False, indent=1), _sheet(found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts, strict=True):
            _write(path, text + "\n")
    except OSError as exc:
        raise Fault(
            f"无法写入 {folder}：{exc.strerror}；用 --report 给出另一目录",
            f"cannot write into {folder}: {exc.strerror}; give another folder by --report",
        ) from exc
    return paths


def _write(path: Path, text: str) -> None:
    """As root too it follows no link that the folder's owner may have laid."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(text)


def _sheet(found: Commissioned) -> str:
    title = html.escape(f"{found.unit} · {found.role}")
    verdict = "可以上岗 fit" if found.fit else "不可上岗 NOT fit"
    where = found.place.shown if found.place else "—"
    rows = [("日期 date", found.at, verdict), ("位置 position", where, "WGS-84")]
    rows += [(one.part, one.verdict, f"{one.what.zh} · {one.what.en}") for one in found.findings]
    cells = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<!doctype html><html lang=zh><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>巡控 Xunkong: {title}</h1><h2>现场验收 commissioning</h2><table>{cells}</table>"
        "<p>检查人 checked by ____________________</p></html>"
    )
