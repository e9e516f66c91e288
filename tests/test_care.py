"""Care for a unit from the gateway: real processes, mosquitto over TLS, the commands as they are typed."""

import json
import os
import re
import threading

import pytest

import xunkong
from device.papers import Papers
from device.reporter import REPORT, WISH
from gateway.fleet.roll import entries
from sim.broker import find_mosquitto
from sim.city import City, wait_for
from wire.report import packed
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


def test_what_a_unit_finds_of_itself(fleet, unit):
    code, found = fleet("selftest", "cp-1")
    assert {"journal", "clock", "cpu", "link"} <= {row.get("part") for row in found}
    assert found[-1] == {"unit": "cp-1", "fit": code == 0}


def test_logs_come_over_the_wire(fleet, unit, tmp_path):
    """Far more than a piece; the helper, which systemd would start, is played."""
    keep = tmp_path / "report"
    keep.mkdir()
    unit.program.stop()
    with unit.config.open("a", encoding="utf-8") as file:
        file.write(f'[report]\nkeep = "{keep}"\n')
    unit.program.start()
    lines = [os.urandom(40).hex() for _ in range(1_500)]

    def help_it():
        assert wait_for((keep / WISH).exists, WAIT_S)
        (keep / REPORT).write_bytes(packed("\n".join(lines).encode()))
        (keep / WISH).unlink()

    helper = threading.Thread(target=help_it)
    helper.start()
    code, said = fleet("logs", "cp-1", "--lines", "1500")
    helper.join(WAIT_S)
    assert (code, [row["line"] for row in said]) == (0, lines)


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
