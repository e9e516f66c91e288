"""`xunkong device clock`, as a person and as a machine calls it."""

import json

import pytest

import xunkong
from device import clock_report, system
from device.core.moment import Now
from device.journal.journal import Journal
from wire.batch import encode_record
from wire.records import Clock

T0 = 1_763_890_000_000
BOOT = "9c1b22f0"
CONFIG = """
[unit]
id = "car-1"
role = "vehicle"
[[broker]]
host = "127.0.0.1"
[journal]
path = "journal.db"
"""


@pytest.fixture
def journal(tmp_path):
    (tmp_path / "device.toml").write_text(CONFIG, "ascii")
    journal = Journal.open(tmp_path / "journal.db")
    yield journal
    journal.close()


@pytest.fixture
def gained(journal):
    """The receiver's time was learned 10 s after the start."""
    head = {"boot": BOOT, "up_ms": 10_000, "at_ms": T0, "clock": "gnss", "clock_err_ms": 300}
    journal.append("event", encode_record(Clock(**head, utc_ms=T0, source="gnss", err_ms=300)))
    return journal


def look(journal, boot=BOOT, wall_ms=T0, steered=(False, 0)):
    return clock_report.look(journal, boot, Now(70_000, wall_ms), steered)


def test_in_the_same_boot(gained):
    report = look(gained)
    assert (report.source, report.at_ms, report.err_ms) == ("gnss", T0 + 60_000, 303)
    assert (report.floor_ms, report.behind_ms) == (T0, 0)
    assert (report.last_gain_ms, report.last_gain_source, report.this_boot) == (T0, "gnss", True)


def test_after_a_power_cut(gained):
    report = look(gained, "bbbb0000", T0 - 9_000, (True, 40))
    assert (report.source, report.at_ms, report.err_ms) == ("none", None, None)
    assert (report.floor_ms, report.behind_ms, report.this_boot) == (T0, 9_000, False)
    assert (report.steered, report.ntp_err_ms) == (True, 40)


def test_of_a_unit_that_never_knew_the_time(journal):
    report = look(journal, wall_ms=0)
    assert (report.source, report.floor_ms, report.behind_ms) == ("none", None, 0)
    assert clock_report.lines(report, "en") == [
        "time: not known, no source in this boot yet",
        "newest time kept: -",
        "last gain of trust: none",
        "system time: 1970-01-01 00:00:00+00:00, not synchronised",
    ]


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [
        ("en", "time: 2025-11-23 09:27:40+00:00, from gnss, within 0.3 s", "TLS may fail"),
        ("zh", "时间：2025-11-23 09:27:40+00:00，来源 gnss，误差 0.3 秒", "TLS 可能失败"),
    ],
)
def test_for_a_person(gained, monkeypatch, capsys, language, first, last):
    monkeypatch.setattr(system, "boot_id", lambda: BOOT)
    monkeypatch.setattr(system, "now", lambda: Now(70_000, T0 - 60_000))
    monkeypatch.setattr(system, "is_steered", lambda: (True, 1_500))
    config = str(gained.path.parent / "device.toml")
    assert xunkong.main(["--lang", language, "device", "clock", "--config", config]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == first
    assert last in lines[-1]


def test_for_a_machine(gained, capsys):
    config = str(gained.path.parent / "device.toml")
    assert xunkong.main(["device", "clock", "--config", config, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["source"], report["floor_ms"], report["last_gain_source"]) == (
        "none",
        T0,
        "gnss",
    )
