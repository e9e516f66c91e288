"""A unit's folder with a journal, papers and a configuration, and what its service put up."""

import pytest

from device import system
from device.bulletin import Bulletin
from device.core.present import Present, Way
from device.journal.journal import Journal
from tests.keys import Site
from wire.batch import encode_record
from wire.live import Health, ModemHealth, State
from wire.records import Alarm, Checkin

CONFIG = """
[unit]
id = "cp-1"
role = "checkpoint"
[[broker]]
host = "gw.example"
[journal]
path = "journal.db"
[nfc]
port = "nfc-port"
[health]
zone = "Asia/Shanghai"
"""
AT_MS = 1_795_850_000_000


def head(at_ms=AT_MS):
    return {"boot": "9c1b22f0", "up_ms": 1, "at_ms": at_ms, "clock": "gnss", "clock_err_ms": 30}


def checkin(place, at_ms=AT_MS):
    said = {"badge": "04a1b2c3", "person": "p-1", "method": "nfc", "proof": "uid"}
    return encode_record(Checkin(**head(at_ms), place=place, result="accepted", **said))


def alarm(name):
    return encode_record(Alarm(**head(), alarm=name, what="a card"))


@pytest.fixture(scope="session")
def site():
    return Site()


@pytest.fixture
def folder(tmp_path, site):
    """Of a checkpoint whose reader is plugged in; two check-ins and a silent alarm wait."""
    (tmp_path / "device.toml").write_text(CONFIG, "utf-8")
    (tmp_path / "nfc-port").touch()
    (tmp_path / "run").mkdir()
    site.lay_papers("cp-1", tmp_path / "identity")
    journal = Journal.open(tmp_path / "journal.db")
    for number in range(3):
        journal.append("event", checkin(f"pl-{number}", AT_MS + number * 1000))
    journal.append("event", alarm("duress"))
    journal.acknowledge("event", journal.logs("event")[-1].log, 2, "s")
    journal.close()
    return tmp_path


@pytest.fixture
def says(folder):
    """The service puts up how the unit is."""

    def put(ago_ms=0, way=None, **fields):
        up_ms = system.up_ms() - ago_ms
        health = Health(
            parts={"nfc": "ok"}, heard_s={"nfc": 2}, modem=ModemHealth("ok", signal_dbm=-87)
        )
        known = {"clock": "gnss", "at_ms": AT_MS, "version": "0.4.0", "health": health}
        state = State(1, "cp-1", True, "9c1b22f0", 1, **known | fields)
        way = way or Way("gw.example:8883", up_ms - 5000, None, True, up_ms - 1000)
        Bulletin(folder / "run").post(Present(up_ms, 30, way, state))

    return put
