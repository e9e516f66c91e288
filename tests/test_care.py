"""Care for a unit from the gateway: real processes, mosquitto over TLS, the commands as they are typed."""

import json
import re

import pytest

import xunkong
from device.papers import Papers
from gateway.fleet.roll import entries
from sim.broker import find_mosquitto
from sim.city import City, wait_for
from wire.words import Fault

pytestmark = pytest.mark.timeout(300)
WAIT_S = 60.0


@pytest.fixture
def town(tmp_path):
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with City(tmp_path, tls=True) as city:
        yield city


@pytest.fixture
def unit(town):
    """A checkpoint that is on duty."""
    one = town.add("cp-1", "checkpoint")
    one.program.start()
    assert wait_for(lambda: "cp-1" in town.rows() and town.rows()["cp-1"].online, WAIT_S)
    return one


@pytest.fixture
def fleet(town, capsys):
    """Types a command; gives its exit code and the objects that it printed."""

    def type_it(*words):
        code = xunkong.main(["fleet", *words, "--config", str(town.gateway_toml), "--json"])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return type_it


def test_a_unit_s_way_out(town, unit, fleet):
    code, (row,) = fleet("retire", "cp-1", "--why", "scrapped")
    assert (code, row["outcome"], row["wiped"], row["session"]) == (0, "done", True, "ended")
    assert wait_for(lambda: not unit.program.running, WAIT_S)
    assert not (unit.identity / "unit.pem").exists()
    assert not (unit.folder / "unit.key").exists()
    with pytest.raises(Fault, match="retired"):
        Papers("cp-1", unit.identity).load()
    assert {one.why for one in entries(town.store, "cp-1")} == {"scrapped"}
    assert unit.program.stop() == 0
    unit.program.start()
    log = unit.folder / "log.txt"
    assert wait_for(lambda: re.search("RETIRED: no tap", log.read_text()) is not None, WAIT_S)
    assert fleet("list") == (0, [])
    assert [row["retired"] for row in fleet("list", "--all")[1]] == ["scrapped"]
