"""A new gateway's folder."""

import re
import ssl
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.x509 import SubjectAlternativeName

from device import config as device_config
from gateway.config import load
from gateway.fleet.folder import KeyFolder
from gateway.keys import GatewayKeys
from gateway.site import FILES, lay_out
from gateway.store.open import open_store
from gateway.unit_config import read_unit_file
from wire.words import Fault

MADE = [*FILES, "store.db", "keys", "broker"]


def test_all_that_is_laid_out_can_be_used(tmp_path):
    folder = tmp_path / "srv" / "xunkong"
    paths = lay_out(folder)
    assert [path.name for path in paths] == MADE
    assert sorted(path.name for path in folder.iterdir()) == sorted(MADE)
    config = load(folder / "gateway.toml")
    assert config.store.url == f"sqlite:///{folder}/store.db"
    store = open_store(config.store.url)
    store.close()
    assert len(store.identity) == 16
    unit = read_unit_file(folder / "unit.example.toml", config.zone())
    assert (unit.place, unit.places[0].name) == ("east-gate", "东门")
    assert unit.badges[0].valid_from_ms == 1_767_196_800_000


def test_the_commented_sink_can_be_used(tmp_path):
    lay_out(tmp_path)
    path = tmp_path / "gateway.toml"
    lines = path.read_text("utf-8").splitlines()
    path.write_text(
        "\n".join(line.removeprefix("#") if line[1:2] != " " else line for line in lines)
    )
    assert load(path).sink[0].url == "https://platform.example/events"


def test_the_keys_are_the_gateway_s_and_its_broker_s(tmp_path):
    lay_out(tmp_path / "site", ["gw.example.cn", "10.0.0.7"], 9000)
    config = load(tmp_path / "site" / "gateway.toml")
    keys = GatewayKeys(Path(config.keys.folder))
    assert keys.certificate.name == "gw"
    assert keys.tls().verify_mode == ssl.CERT_REQUIRED
    broker = KeyFolder(Path(config.keys.folder)).certificate("broker")
    names = broker.extensions.get_extension_for_class(SubjectAlternativeName).value
    served = [str(name.value) for name in names]
    assert served == ["gw.example.cn", "10.0.0.7", "localhost", "127.0.0.1"]
    ports = config.mosquitto
    assert (ports.units_port, ports.enrol_port, ports.gateway_port) == (9000, 9001, 9002)
    assert str(config.broker[0]) == "127.0.0.1:9002"
    unit = device_config.load(tmp_path / "site" / "device.example.toml")
    assert [*map(str, unit.brokers())] == ["gw.example.cn:9000", "10.0.0.7:9000"]


@pytest.mark.parametrize("host", ["", "网关", "a b", "-a", "a.", "http://a", "::1::g", "a\nb"])
def test_what_is_no_host_stops_before_anything_is_made(tmp_path, host):
    with pytest.raises(Fault, match="is neither a host's name nor an address"):
        lay_out(tmp_path / "site", ["gw.example.cn", host])
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("host", ["gw", "gw.example.cn", "10.0.0.7", "fe80::1", "xn--55qx5d.cn"])
def test_what_is_one(tmp_path, host):
    lay_out(tmp_path / "site", [host])


@pytest.mark.parametrize("port", [0, 65_534, -1])
def test_what_is_no_port(tmp_path, port):
    with pytest.raises(Fault, match=f"--port {port}: give 1 to 65533"):
        lay_out(tmp_path / "site", [], port)
    assert not (tmp_path / "site").exists()


def test_no_two_sites_are_of_the_same_authority(tmp_path):
    for name in ("a", "b"):
        lay_out(tmp_path / name)
    made = [KeyFolder(tmp_path / name / "keys").certificate("ca") for name in ("a", "b")]
    assert len({one.subject for one in made}) == 2
    assert len({one.public_key().public_numbers() for one in made}) == 2


@pytest.mark.parametrize("name", MADE)
def test_nothing_is_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(Fault, match="is there already, nothing was changed; choose another folder"):
        lay_out(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault, match=r"cannot write into .*/file/below: .*; check the path"):
        lay_out(tmp_path / "file" / "below")
    with pytest.raises(Fault, match="cannot write into /proc/xunkong"):
        lay_out(type(tmp_path)("/proc/xunkong"))


def test_what_the_examples_offer_in_comments_is_valid_too(tmp_path):
    """Somebody takes the `#` away, and it works."""
    offered = {
        name: re.sub(r"(?m)^#(\[|[a-z_]+ = )", r"\1", text)
        for name, text in FILES.items()
        if name in ("device.example.toml", "unit.example.toml")
    }
    for name, text in offered.items():
        (tmp_path / name).write_text(text, "utf-8")
    unit = device_config.load(tmp_path / "device.example.toml")
    assert unit.power is not None
    assert unit.camera.kind == "picamera2"
    wanted = read_unit_file(tmp_path / "unit.example.toml", ZoneInfo("Asia/Shanghai"))
    assert wanted.badges[0].duress
    assert [card.duty for card in wanted.duties] == ["mediation"]
