"""What `xunkong device health` shows: the machine and the modem as they are now, and the books as last saved."""

from pathlib import Path

from msgspec import Struct

from device.config import DeviceConfig, journal_path
from device.core.health import NOTE, Note
from device.journal.journal import Journal
from device.memory import notes_of
from hardware.board.readings import Board, BoardReading
from hardware.modem.meaning import ModemReading
from hardware.modem.mmcli import Mmcli
from wire.words import Language, Words

FLAGS = (
    (1, Words("欠压", "under-voltage")),
    (2, Words("频率受限", "speed capped")),
    (4, Words("降频", "throttled")),
    (8, Words("过热降频", "slowed by heat")),
)
"""Bits of the firmware's word that are so now; shifted by 16: at some time since the start."""


class Report(Struct, frozen=True):
    """`modem` None: none is configured. `written_bytes`, `sent_bytes`: by day and month of the plan."""

    board: BoardReading
    modem: ModemReading | None
    raised: dict[str, str]
    written_bytes: dict[str, int]
    sent_bytes: dict[str, int]
    sd_write_mb_day: int
    cap_mb: int | None


def look(path: Path, config: DeviceConfig) -> Report:
    """Looks once; the journal is read only, so that the unit may run meanwhile. Raises `JournalError`."""
    where, modem = journal_path(path, config), config.modem
    journal = Journal.open(where, read_only=True)
    try:
        note = notes_of(journal).recall(NOTE, Note) or Note()
    finally:
        journal.close()
    return Report(
        board=Board(where.parent).read(),
        modem=Mmcli(modem.command).read() if modem else None,
        raised=note.raised,
        written_bytes=note.written.booked,
        sent_bytes=note.sent.booked,
        sd_write_mb_day=config.health.sd_write_mb_day,
        cap_mb=modem.cap_mb if modem else None,
    )


def lines(report: Report, language: Language) -> list[str]:
    """The report for people, a line a gauge; `-` where there is none."""
    board, cap = report.board, f"/{report.cap_mb}" if report.cap_mb else ""
    rows = [
        (Words("温度", "temperature"), _with(board.cpu_c, "°C")),
        (Words("供电", "supply"), supply_word(board.throttled, language)),
        (Words("磁盘剩余", "disk free"), _with(board.disk_free_mb, "MiB")),
        (Words("内存剩余", "memory free"), _with(board.mem_free_mb, "MiB")),
        *(
            (Words(f"写入 {day}", f"written {day}"), f"{n // 2**20}/{report.sd_write_mb_day} MiB")
            for day, n in report.written_bytes.items()
        ),
        *((Words("模块", "modem"), text) for text in _modem(report.modem)),
        *(
            (Words(f"流量 {month} 起", f"data from {month}"), f"{n // 10**6}{cap} MB")
            for month, n in report.sent_bytes.items()
        ),
        *((Words("告警", "alarm"), line) for line in report.raised.values()),
    ]
    return [f"{name.say(language)}: {text}" for name, text in rows]


def _with(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.0f} {unit}"


def supply_word(word: int | None, language: Language) -> str:
    """What the firmware says of the supply and of what it slows down for."""
    if word is None:
        return "-"
    now = [name.say(language) for bit, name in FLAGS if word & bit]
    before = [
        Words(f"曾{name.zh}", f"{name.en} since the start").say(language)
        for bit, name in FLAGS
        if word & bit << 16 and not word & bit
    ]
    return ", ".join(now + before) or Words("正常", "ok").say(language)


def _modem(modem: ModemReading | None) -> list[str]:
    if modem is None:
        return []
    signal = _with(modem.signal_dbm, "dBm")
    return [f"{modem.word}  {modem.operator or '-'} {modem.technology or '-'} {signal}"]
