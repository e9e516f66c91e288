"""From a one-time code to a certificate in use, its renewal, and the way back: unit, mosquitto, ingest, authority."""

import stat
import time
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

import xunkong
from device.papers import Papers, lay
from gateway.config import load
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.certificates import certify
from gateway.fleet.folder import KeyFolder
from gateway.fleet.roll import enter, entries
from gateway.lookup import unit_rows
from gateway.site import lay_out
from gateway.store.open import open_store
from gateway.store.schema import requests
from sim.broker import SiteBroker, find_mosquitto, free_ports
from sim.city import wait_for
from sim.program import Program

DAY_MS = 86_400_000
WAIT_S = 60.0


class Town:
    """A site as `init` makes it, its broker and its gateway, and one unit's folder beside it."""

    def __init__(self, folder):
        self.site = folder / "site"
        lay_out(self.site, port=free_ports(3))
        self.toml = self.site / "gateway.toml"
        self.config = load(self.toml)
        self.broker = SiteBroker(self.toml)
        self.store = open_store(self.config.store.url)
        words = ["gateway", "run", "--config", str(self.toml)]
        self.gateway_log, self.device_log = folder / "gateway.log", folder / "device.log"
        self.gateway = Program(words, self.gateway_log)
        self.unit = folder / "unit"
        self.unit.mkdir()
        self.device_toml = self.unit / "device.toml"
        self.device_toml.write_text(
            '[unit]\nid = "cp-1"\nrole = "checkpoint"\n[[broker]]\nhost = "127.0.0.1"\n'
            f'port = {self.broker.port}\n[journal]\npath = "journal.db"\n[panel]\nkind = "none"\n'
        )
        words = ["device", "run", "--config", str(self.device_toml)]
        self.device = Program(words, self.device_log)

    def __enter__(self):
        self.broker.start()
        self.gateway.start()
        assert wait_for(lambda: "connected to broker" in self.gateway_log.read_text(), WAIT_S)
        return self

    def __exit__(self, *_):
        for one in (self.device, self.gateway, self.broker):
            one.stop()
        self.store.close()

    @property
    def papers(self):
        return Papers("cp-1", self.unit / "identity")

    def online(self):
        rows = unit_rows(self.store, now_ms())
        return any(row.unit == "cp-1" and row.online for row in rows)

    def serials(self):
        return [int(one.serial, 16) for one in entries(self.store, "cp-1")]


@pytest.fixture
def town(tmp_path):
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with Town(tmp_path) as one:
        yield one


@pytest.fixture
def xk(capsys):
    """Runs a command; gives its exit code, and what it said."""

    def run(*words):
        code = xunkong.main(["--lang", "en", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def enrol(town, xk, monkeypatch):
    def with_code(*more):
        words = ("gateway", "ca", "code", "--config", town.toml, "--unit", "cp-1", "--json")
        code = xk(*words)[1].partition('"code":"')[2].partition('"')[0]
        ca = town.site / "keys" / "ca.crt"
        config = ("--config", town.device_toml)
        monkeypatch.setattr("sys.stdin", StringIO(f"{code}\n"))
        return code, xk("device", "enrol", *config, "--ca", ca, "--code", "-", *more)

    return with_code


def test_a_code_makes_a_unit_belong_and_is_good_once(town, xk, enrol):
    code, (done, said) = enrol()
    assert (done, "cp-1 has its certificate now" in said) == (0, True), said
    assert town.serials() == [town.papers.load().serial]
    own = town.unit / "identity" / "unit.pem"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    town.device.start()
    assert wait_for(town.online, WAIT_S)
    town.device.stop()
    again = xk("device", "enrol", "--config", town.device_toml, "--code", code)
    assert again[0] == 2
    assert "its code was used already" in again[1]
    assert town.serials() == [town.papers.load().serial]


def test_a_unit_renews_by_itself_and_goes_on(town, enrol):
    enrol()
    held = town.papers.load()
    with_little_left(town)
    old = town.papers.load()
    assert old.serial != held.serial
    town.device.start()
    assert wait_for(lambda: town.papers.load().serial != old.serial, WAIT_S)
    new = town.papers.load()
    assert new.kid != old.kid
    assert new.to_ms > now_ms() + 700 * DAY_MS
    assert not (town.unit / "identity" / "unit.next.pem").exists()
    town.broker.cut()
    town.broker.start()
    assert wait_for(lambda: town.device_log.read_text().count("connected to broker") == 2, WAIT_S)
    assert town.serials()[-1] == new.serial


def with_little_left(town):
    """As if the unit's certificate had been made long ago."""
    key, keys = Ed25519PrivateKey.generate(), KeyFolder(Path(town.config.keys.folder))
    issued_ms = now_ms() - 700 * DAY_MS
    made = certify(keys.issuer(), "cp-1", key.public_key(), "log-in", issued_ms, 730)
    with town.store.changing() as connection:
        enter(connection, made, issued_ms)
    lay(
        town.unit / "identity",
        key,
        made.public_bytes(Encoding.PEM),
        (town.site / "keys" / "ca.crt").read_bytes(),
    )


def test_a_revoked_unit_is_out_and_comes_back_by_a_code_alone(town, xk, enrol):
    enrol()
    town.device.start()
    assert wait_for(town.online, WAIT_S)
    words = ("gateway", "ca", "revoke", "--config", town.toml, "--unit", "cp-1", "--why", "lost")
    assert xk(*words)[0] == 0
    assert wait_for(lambda: not town.online(), WAIT_S)
    town.device.stop()
    said = len(town.device_log.read_text())
    town.device.start()
    assert wait_for(lambda: "revoked" in town.device_log.read_text()[said:], WAIT_S)
    town.device.stop()
    assert not town.online()
    _, (done, said) = enrol()
    assert done == 0, said
    town.device.start()
    assert wait_for(town.online, WAIT_S)


def test_files_that_somebody_carries(town, xk, tmp_path):
    csr, crt = tmp_path / "cp-1.csr", tmp_path / "cp-1.crt"
    config = ("--config", town.device_toml)
    ca = town.site / "keys" / "ca.crt"
    assert xk("device", "enrol", *config, "--ca", ca, "--csr", csr)[0] == 0
    issue = ("gateway", "ca", "issue", "--config", town.toml, "--csr", csr, "--out", crt)
    assert xk(*issue)[0] == 0
    assert xk("device", "enrol", *config, "--cert", crt)[0] == 0
    assert town.serials() == [town.papers.load().serial]
    assert xk("device", "enrol", *config, "--cert", crt)[1].count("nothing was changed") == 1


def test_what_was_asked_is_kept_as_it_came(town, enrol):
    enrol()
    with town.store.reading() as connection:
        row = connection.execute(sa.select(requests)).one()
    assert (row.unit, row.state) == ("cp-1", "signed")
    assert row.message[:1] in b"{\x78"
    assert time.time() * 1000 - row.done_ms < 60_000


def test_new_keys_of_the_site_reach_the_unit_by_themselves(town, xk, enrol, tmp_path):
    """Broker, gateway and signing key are replaced under way; the unit is not touched."""
    enrol()
    town.device.start()
    assert wait_for(town.online, WAIT_S)
    assert xk("gateway", "ca", "renew", "--config", town.toml)[0] == 0
    for one in (town.gateway, town.broker):
        one.stop()
        one.start()
    wanted = tmp_path / "unit.toml"
    wanted.write_text("repeat_s = 7\n")
    push = ("gateway", "config", "push", "--config", town.toml, "--unit", "cp-1", wanted)
    assert xk(*push)[0] == 0
    assert wait_for(lambda: config_in_use(town) == 1, WAIT_S)


def config_in_use(town):
    return {row.unit: row.config for row in unit_rows(town.store, now_ms())}.get("cp-1")
