"""Ninety seconds of the survival rig: nothing lost, doubled or out of order, and all that was asked for happened."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sim.broker import find_mosquitto
from sim.chaos.schedule import KINDS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SEED, FAULTS, UNITS = 4, 75, 20
LEAST_TAPS = 1_000


def test_a_run_of_ninety_seconds_loses_nothing(tmp_path: Path) -> None:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    report = tmp_path / "report.json"
    asked = {"minutes": 1.5, "seed": SEED, "units": UNITS, "faults": FAULTS}
    words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "xunkong", "--lang", "en", "sim", "chaos", *words]
    done = subprocess.run(
        [*command, "--report", str(report), "--folder", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stderr
    said = json.loads(report.read_text("utf-8"))
    wrong = {name: said[name] for name in ("lost", "doubled", "out_of_order", "clashed")}
    assert wrong == dict.fromkeys(wrong, 0), (said["examples"], said["faults"]["by_kind"])
    assert done.returncode == 0
    assert said["records"] >= LEAST_TAPS
    assert said["faults"]["count"] == FAULTS
    assert len(said["faults"]["by_kind"]) >= len(KINDS) - len(said["faults"]["left_out"]) - 5
    assert said["faults"]["left_out"] == {}
