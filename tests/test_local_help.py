"""A technician without the gateway: the dead unit's journal is carried to it by hand, and then the unit lives on."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.city import City, wait_for
from sim.demo import Checkpoint
from sim.tally import UnitTally

pytestmark = pytest.mark.timeout(300)
WAIT_S, BEEP_S = 90.0, 30.0


def says(*words: str | Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "xunkong", *map(str, words), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def tap(at: Checkpoint) -> str:
    made = at.tapper.tap(at.tapper.new_badge(), BEEP_S)
    assert made.beep_ns is not None
    return made.uid


def at_platform(city: City) -> list[str]:
    checkins = (event for _, event in city.received() if event["type"] == "cn.xunkong.checkin.v1")
    return [event["data"]["badge"] for event in checkins]


def test_what_a_dead_unit_kept_arrives_by_hand_and_nothing_comes_twice(
    city: City,
    checkpoint: Callable[..., Checkpoint],
    settled: Callable[..., list[UnitTally]],
    tmp_path: Path,
) -> None:
    at = checkpoint()
    at.unit.program.start()
    taps = [tap(at)]
    settled(at)
    city.broker.cut()
    taps += [tap(at) for _ in range(3)]
    at.unit.program.kill()

    file = tmp_path / "cp-1.zip"
    (made,) = says("device", "journal", "export", "--config", at.unit.config, file)
    assert made["whole"]
    bring = ("gateway", "journal", "import", "--config", city.gateway_toml, file)
    (taken,) = says(*bring)
    assert taken["whole"] and taken["new"] >= 3
    assert wait_for(lambda: sorted(at_platform(city)) == sorted(taps), WAIT_S)
    assert says(*bring)[0]["new"] == 0

    city.broker.start()
    at.unit.program.start()
    taps.append(tap(at))
    settled(at)
    assert sorted(at_platform(city)) == sorted(taps)
    assert not any("~" in row["log"] for row in city.committed())
    assert [row for row in city.committed("alarm") if row["unit"] == "gw"] == []
    assert [row["record"]["unit"] for row in city.committed("imported")] == ["cp-1"]
    says("gateway", "verify", "--config", city.gateway_toml)
