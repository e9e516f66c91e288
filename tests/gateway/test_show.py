"""How the answers look in a terminal."""

from zoneinfo import ZoneInfo

import pytest

from gateway.lookup import UnitRow
from gateway.show import unit_line, utc

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
