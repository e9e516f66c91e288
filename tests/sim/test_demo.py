"""The whole patrol in twenty seconds, and what it reports."""

import json
from pathlib import Path

import pytest

from sim.demo import run_demo
from sim.show import Show
from sim.tally import Percentiles, Report, UnitTally
from wire.words import Language

UNITS = {"v-03-1": "vehicle", "v-03-2": "vehicle", "cp-03-1": "checkpoint", "cp-03-2": "checkpoint"}
COUNTS = ("recorded", "committed", "platform", "lost", "doubled", "redelivered")


@pytest.mark.timeout(300)
def test_a_patrol_loses_nothing_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    assert run_demo(20.0, path, [], "en") == 0
    report = json.loads(path.read_text("utf-8"))
    assert {unit["unit"]: unit["role"] for unit in report["units"]} == UNITS
    assert all(unit["recorded"] > 0 for unit in report["units"])
    assert {name: report[name] for name in COUNTS} == {
        name: sum(unit[name] for unit in report["units"]) for name in COUNTS
    }
    assert report["recorded"] == report["committed"] == report["platform"]
    assert (report["lost"], report["doubled"]) == (0, 0)
    assert len(report["no_beep"]) == sum(unit["no_beep"] for unit in report["units"])
    for name in ("tap_to_beep_ms", "tap_to_platform_ms", "tap_to_platform_disturbed_ms"):
        found = report[name]
        assert found["n"] > 0, name
        assert 0 < found["p50"] <= found["p99"] <= found["max"], name
    assert report["broker"] in ("mosquitto", "rumqttd")
    said = capsys.readouterr().out
    assert "nothing lost, nothing doubled" in said
    assert "the broker is cut" in said


def report(lost: int, doubled: int) -> Report:
    unit = UnitTally("cp-03-1", "checkpoint", 7, 7 - lost, 7 - lost, lost, doubled, 3, 1)
    ms, none = Percentiles(7, 10.5, 20.5, 20.5), Percentiles(0, None, None, None)
    silent = [{"unit": "cp-03-1", "uid": "04a1b2c3", "committed": True}]
    return Report([unit], 7, 7 - lost, 7 - lost, lost, doubled, 3, silent, ms, ms, none, "x", 1.0)


@pytest.mark.parametrize(
    ("language", "well", "ill"),
    [
        ("en", "nothing lost, nothing doubled", "SOMETHING WAS LOST OR DOUBLED"),
        ("zh", "没有丢失，没有重复", "有丢失或重复"),
    ],
)
def test_the_table_says_how_it_ended(
    capsys: pytest.CaptureFixture[str], language: Language, well: str, ill: str
) -> None:
    for lost, doubled, verdict in ((0, 0, well), (1, 0, ill), (0, 1, ill)):
        Show(language).table(report(lost, doubled))
        said = capsys.readouterr().out
        assert (well in said, ill in said) == (verdict == well, verdict == ill)
        row = next(line for line in said.splitlines() if line.strip().startswith("cp-03-1 "))
        assert row.split() == [
            "cp-03-1",
            "7",
            *[str(7 - lost)] * 2,
            f"{lost}",
            f"{doubled}",
            "3",
            "1",
        ]
        assert "p50 10.5 ms, p99 20.5 ms" in said
        assert ("None" in said) is False
