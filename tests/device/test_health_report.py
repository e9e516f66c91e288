"""`xunkong device health`, as people read it."""

import json

import pytest

import xunkong
from device.health_report import Report, lines
from device.journal.journal import Journal
from hardware.board.readings import BoardReading
from hardware.modem.meaning import ModemReading

REPORT = Report(
    BoardReading(51.2, 0x50001, 900, 41, 300),
    ModemReading("ok", "CMCC", "lte", -97.0, 70),
    {"supply": "supply: under-voltage"},
    {"2026-11-24": 90 * 2**20},
    {"2026-11-01": 820_000_000},
    2_000,
    1_000,
)


@pytest.mark.parametrize(
    ("language", "whole"),
    [
        ("en", ["temperature: 51 °C", "supply: under-voltage, throttled since the start",
                "disk free: 900 MiB", "memory free: 300 MiB", "written 2026-11-24: 90/2000 MiB",
                "modem: ok  CMCC lte -97 dBm", "data from 2026-11-01: 820/1000 MB",
                "alarm: supply: under-voltage"]),
        ("zh", ["温度: 51 °C", "供电: 欠压, 曾降频", "磁盘剩余: 900 MiB", "内存剩余: 300 MiB",
                "写入 2026-11-24: 90/2000 MiB", "模块: ok  CMCC lte -97 dBm",
                "流量 2026-11-01 起: 820/1000 MB", "告警: supply: under-voltage"]),
    ],
)  # fmt: skip
def test_a_gauge_a_line(language, whole):
    assert lines(REPORT, language) == whole


def test_what_is_absent_is_no_zero():
    report = Report(BoardReading(), None, {}, {}, {}, 2_000, None)
    assert lines(report, "en")[:2] == ["temperature: -", "supply: -"]


def test_the_command_looks_once(tmp_path, capsys):
    path = tmp_path / "device.toml"
    path.write_text(
        '[unit]\nid = "car-1"\nrole = "vehicle"\n[[broker]]\nhost = "h"\n[journal]\npath = "j.db"\n',
        "utf-8",
    )
    Journal.open(tmp_path / "j.db").close()
    assert xunkong.main(["device", "health", "--config", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["board"]["disk_free_mb"] > 0
    assert said["modem"] is None


@pytest.mark.parametrize(
    ("lang", "word"), [("en", "the unit's first start makes it"), ("zh", "还没有日志")]
)
def test_before_the_unit_ever_ran(tmp_path, capsys, lang, word):
    config = tmp_path / "device.toml"
    config.write_text(
        '[unit]\nid = "cp-01"\nrole = "checkpoint"\n[[broker]]\nhost = "127.0.0.1"\n'
        '[journal]\npath = "journal.db"\n'
    )
    assert xunkong.main(["--lang", lang, "device", "health", "--config", str(config)]) == 2
    assert word in capsys.readouterr().err
