"""A gateway's backup put back while the city goes on: units send what it lacks, and the platform gets nothing twice."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.city import City, Unit, wait_for
from sim.demo import Checkpoint
from sim.tally import UnitTally
from sim.tapper import Tap

pytestmark = [pytest.mark.timeout(300), pytest.mark.chaos]

WAIT_S = 90.0
BEEP_S = 30.0

Make = Callable[..., Checkpoint]
Settle = Callable[..., list[UnitTally]]


def tap(at: Checkpoint) -> Tap:
    made = at.tapper.tap(at.tapper.new_badge(), BEEP_S)
    assert made.beep_ns is not None
    return made


def gateway(city: City, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xunkong", "gateway", *words]
    return subprocess.run(
        [*command, "--config", str(city.gateway_toml), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def told(city: City, *words: str) -> dict[str, Any]:
    done = gateway(city, *words)
    assert done.returncode == 0, done.stderr
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def in_store(city: City, taps: list[Tap]) -> "Counter[str]":
    """How often each tap's badge is in the store."""
    badges = Counter(row["record"]["badge"] for row in city.committed("checkin"))
    return Counter({one.uid: badges[one.uid] for one in taps})


def at_platform(city: City) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for _, event in city.received():
        yield event["source"], event["id"], event


def acknowledged(unit: Unit) -> bool:
    command = [sys.executable, "-m", "xunkong", "device", "journal", "stat", "--json"]
    done = subprocess.run(
        [*command, "--config", str(unit.config)], capture_output=True, text=True, check=True
    )
    return all(log["waiting"] == 0 for log in json.loads(done.stdout)["logs"])


def test_all_taps_are_in_the_store_and_at_the_platform_and_none_is_another_s(
    city: City, checkpoint: Make, settled: Settle, tmp_path: Path
) -> None:
    at = checkpoint()
    at.unit.program.start()
    taps = [tap(at) for _ in range(3)]
    settled(at)
    backup = tmp_path / "backup.zip"
    assert told(city, "backup", str(backup))["store"] == city.store.identity
    taps += [tap(at) for _ in range(4)]
    settled(at)
    assert wait_for(lambda: acknowledged(at.unit), WAIT_S)
    in_use = gateway(city, "restore", str(backup), "--force")
    assert (in_use.returncode, "in use" in in_use.stderr) == (2, True)

    city.gateway.stop()
    city.close_store()
    done = told(city, "restore", str(backup), "--force")
    assert done["before"]
    assert sum(in_store(city, taps).values()) == 3
    city.gateway.start()
    taps.append(tap(at))
    settled(at)
    assert city.store.identity == done["store"]
    assert wait_for(lambda: set(in_store(city, taps).values()) == {1}, WAIT_S)

    def all_there() -> bool:
        badges = {e["data"].get("badge") for _, _, e in at_platform(city)}
        return {one.uid for one in taps} <= badges

    assert wait_for(all_there, WAIT_S)
    named: dict[tuple[str, str], dict[str, Any]] = {}
    for source, name, event in at_platform(city):
        assert named.setdefault((source, name), event)["data"] == event["data"]
    badges = Counter(e["data"].get("badge") for e in named.values())
    assert {badges[one.uid] for one in taps} == {1}
    alarms = [
        e["data"].get("what", "") for (source, _), e in named.items() if source.endswith("gw")
    ]
    assert any("was put back from a backup" in what for what in alarms)
