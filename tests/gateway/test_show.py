"""How the answers look in a terminal."""

from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from gateway.lookup import UnitRow
from gateway.show import record_time, unit_line, utc
from wire.live import Health, ModemHealth

ROW = UnitRow(
    unit="cp-01", online=True, role="checkpoint", heard_age_s=1.0, lat=27.2418, lon=111.4725,
    fix_age_s=3.5, crew=["p-1", "p-2"], queue={"event": 2, "track": 0}, clock="gnss", config=1,
    config_wanted=2, version="0.4.0", broken=["gps silent", "no camera"],
)  # fmt: skip
NOBODY = UnitRow("cp-02", False, None, None, None, None, None, [], {}, None, None, None, None, [])


def test_a_moment_is_shown_in_the_sites_zone():
    assert utc(0, ZoneInfo("Asia/Shanghai")) == "1970-01-01 08:00:00+08:00"


@pytest.mark.parametrize(
    ("row", "language", "line"),
    [
        (ROW, "en", "cp-01             online    27.241800,111.472500 (3.5 s ago)  crew p-1,p-2"
         "  queue event 2 track 0  clock gnss  config 1/2  broken: gps silent; no camera"),
        (ROW, "zh", "cp-01             在线        27.241800,111.472500 (3.5 秒前)  班组 p-1,p-2"
         "  待传 event 2 track 0  时钟 gnss  配置 1/2  异常: gps silent; no camera"),
        (NOBODY, "en", "cp-02             OFFLINE   no position  crew -  queue -  clock -  config -/-"),
        (NOBODY, "zh", "cp-02             离线        无位置  班组 -  待传 -  时钟 -  配置 -/-"),
    ],
)  # fmt: skip
def test_a_unit_on_one_line(row, language, line):
    assert unit_line(row, language) == line


@pytest.mark.parametrize(
    ("earliest_ms", "latest_ms", "en", "zh"),
    [
        (0, 1, "between 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:00.001Z",
         "1970-01-01T00:00:00.000Z 与 1970-01-01T00:00:00.001Z 之间"),
        (None, 1, "not after 1970-01-01T00:00:00.001Z", "不晚于 1970-01-01T00:00:00.001Z"),
        (0, None, "not before 1970-01-01T00:00:00.000Z", "不早于 1970-01-01T00:00:00.000Z"),
        (None, None, "unknown", "未知"),
    ],
)  # fmt: skip
def test_a_time_that_is_not_known_is_shown_by_its_bounds(earliest_ms, latest_ms, en, zh):
    row = {"id": "x", "time": None, "earliest_ms": earliest_ms, "latest_ms": latest_ms}
    assert record_time(row, "en") == {"id": "x", "time": en}
    assert record_time(row, "zh") == {"id": "x", "time": zh}


def test_a_time_that_is_known_is_shown_as_it_is():
    row = {"id": "x", "time": "1970-01-01T00:00:00.000Z"}
    assert record_time(row, "en") == row


def test_in_the_site_s_zone_for_people():
    zone = ZoneInfo("Asia/Shanghai")
    known = {"time": "2026-01-01T17:00:00.250Z"}
    assert record_time(known, "en", zone) == {"time": "2026-01-02 01:00:00+08:00"}
    bounds = {"time": None, "earliest_ms": None, "latest_ms": 86_400_000}
    assert record_time(bounds, "en", zone) == {"time": "not after 1970-01-02 08:00:00+08:00"}


HEALTH = Health(
    cpu_c=51.2,
    sd_written_mb_day=90,
    sd_budget_mb_day=2_000,
    modem=ModemHealth("ok", "CMCC", "lte", -97.0, used_mb=820, cap_mb=1_000),
    heard_s={"gps": 3, "nfc": 900},
)


@pytest.mark.parametrize(
    ("language", "end"),
    [
        ("en", "51 °C  card 90/2000 MiB  net CMCC lte -97 dBm 820/1000 MB  silent nfc 900 s"),
        ("zh", "51 °C  存储卡 90/2000 MiB  网络 CMCC lte -97 dBm 820/1000 MB  无声 nfc 900 s"),
    ],
)
def test_a_units_health_is_on_its_line(language, end):
    row = structs.replace(NOBODY, health=HEALTH)
    assert unit_line(row, language).endswith(end)
    assert unit_line(structs.replace(NOBODY, health=Health()), language) == unit_line(
        NOBODY, language
    )


def test_what_a_picture_says_moves_no_cursor():
    row = structs.replace(NOBODY, broken=["\x1b[2J\r all well"], crew=["p\x07"])
    line = unit_line(row, "en")
    assert line.isprintable()
    assert "[2J\ufffd all well" in line
