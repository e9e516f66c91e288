"""A card is written for either release, as its own first boot reads it, and can be put back to the last byte."""

import io
import json
import shutil
import subprocess

import pytest
import yaml

import xunkong
from provision.network.wanted import Wifi
from provision.sd.card import Card, read_card
from tests.provision.sd.conftest import AUTHORITY, BOOKWORM, KEY, SEEDS, TRIXIE

WIFI_KEY = Wifi("Station 5", "hunter2hunter2").key()
KNOWN = {
    "system": {"hostname"},
    "user": {"name", "password", "password_encrypted"},
    "ssh": {"ssh_import_id", "enabled", "password_authentication", "authorized_keys"},
    "wlan": {"ssid", "password", "password_encrypted", "hidden", "country"},
    "locale": {"keymap", "timezone"},
}
"""What init_config of raspberrypi-sys-mods knows; it warns of all else."""


def test_our_folder_is_the_same_for_both(card, write):
    code, said = write(card)
    assert code == 0, said
    assert f"wrote {card.path} ({card.os}, 0.1.0" in said
    found = read_card(card.path / "xunkong/unit.json")
    assert found == Card(
        "cp-01", "checkpoint", "Asia/Shanghai", found.brokers, "7K2M-1111", keys_only=True
    )
    assert [(one.host, one.port) for one in found.brokers] == [("gw.example", 8883)]
    assert card.read("xunkong/ca.crt") == AUTHORITY
    bundle = card.laptop / "bundles" / f"{card.os}.zip"
    assert (card.path / "xunkong/bundle.zip").read_bytes() == bundle.read_bytes()
    for name in ("start.sh", "run.sh"):
        script = card.path / "xunkong" / name
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert not list(card.path.rglob("*.xunkong-new"))


def test_both_can_be_put_back(card, write, capsys):
    before = card.there()
    assert write(card, "--wifi", "s", "--wifi-password", _file(card, "12345678"))[0] == 0
    assert card.there() != before
    assert xunkong.main(["--lang", "en", "provision", "sd", str(card.path), "--undo"]) == 0
    assert "put back: " in capsys.readouterr().out
    assert card.there() == before
    assert xunkong.main(["--lang", "en", "provision", "sd", str(card.path), "--undo"]) == 2
    assert "there is nothing to undo" in capsys.readouterr().err


def test_a_second_time_begins_from_what_was_there_first(card, write):
    first = card.there()
    write(card, "--wifi", "s", "--wifi-password", _file(card, "12345678"))
    assert write(card)[0] == 0
    again = card.there()
    kept = {
        name.removesuffix(".before-xunkong"): digest
        for name, digest in again.items()
        if "before" in name
    }
    assert kept and kept.items() <= first.items()
    if card.os == "trixie":
        assert card.read("network-config") == SEEDS["network-config"]
    else:
        assert "wlan" not in card.toml("custom.toml")


def test_a_dry_run_writes_nothing_and_says_what_it_would(card, write):
    before = card.there()
    code, said = write(card, "--dry-run", "--json")
    row = json.loads(said)
    assert (code, card.there()) == (0, before)
    assert (row["unit"], row["os"], row["dry_run"]) == ("cp-01", card.os, True)
    assert {"xunkong/unit.json", "xunkong/bundle.zip", "xunkong/start.sh"} < set(row["writes"])


def test_no_secret_is_told(card, write):
    more = [
        "--wifi",
        "Station 5",
        "--wifi-password",
        _file(card, "hunter2hunter2"),
        "--apn",
        "cmnet",
    ]
    code, said = write(card, *more, "--pin", _file(card, "4711", "pin"))
    assert code == 0
    assert not [word for word in ("hunter2", WIFI_KEY, "4711", "7K2M") if word in said]
    found = read_card(card.path / "xunkong/unit.json")
    assert found.modem and (found.modem.apn, found.modem.pin) == ("cmnet", "4711")


def _file(card, text, name="secret"):
    (card.laptop / name).write_text(text)
    return card.laptop / name


@pytest.mark.parametrize("card", ["bookworm"], indirect=True)
def test_bookworm_is_told_by_custom_toml(card, write):
    more = ["--wifi", "Station 5", "--wifi-password", _file(card, "hunter2hunter2")]
    assert write(card, *more, "--zone", "Asia/Urumqi", "--user", "tech")[0] == 0
    found = card.toml("custom.toml")
    assert found.pop("config_version") == 1
    assert {name: set(keys) - KNOWN[name] for name, keys in found.items()} == {
        name: set() for name in KNOWN
    }
    assert found["system"]["hostname"] == "cp-01"
    assert (found["user"]["name"], found["user"]["password"]) == ("tech", "")
    assert found["ssh"] == {
        "enabled": True,
        "password_authentication": False,
        "authorized_keys": [KEY],
    }
    wlan = {"ssid": "Station 5", "password": WIFI_KEY, "password_encrypted": True}
    assert found["wlan"] == wlan | {"hidden": False, "country": "CN"}
    assert found["locale"]["timezone"] == "Asia/Urumqi"
    words = card.read("cmdline.txt").split()
    assert words[: len(BOOKWORM.split())] == BOOKWORM.split()
    assert words[len(BOOKWORM.split()) :] == [
        "systemd.run=/boot/firmware/xunkong/start.sh",
        "systemd.run_success_action=reboot",
        "systemd.unit=kernel-command-line.target",
    ]


@pytest.mark.parametrize("card", ["trixie"], indirect=True)
def test_trixie_is_told_by_cloud_init(card, write):
    more = ["--wifi", '巡控 "5"', "--wifi-password", _file(card, "hunter2hunter2")]
    assert write(card, *more)[0] == 0
    assert card.read("cmdline.txt") == TRIXIE
    assert card.read("user-data").startswith("#cloud-config\n")
    told = yaml.safe_load(card.read("user-data"))
    assert (told["hostname"], told["timezone"], told["ssh_pwauth"]) == (
        "cp-01",
        "Asia/Shanghai",
        False,
    )
    (user,) = told["users"]
    assert (user["name"], user["ssh_authorized_keys"], user["lock_passwd"]) == ("pi", [KEY], True)
    assert told["runcmd"][1] == ["sh", "/boot/firmware/xunkong/start.sh"]
    wlan = yaml.safe_load(card.read("network-config"))["network"]["wifis"]["wlan0"]
    key = Wifi('巡控 "5"', "hunter2hunter2").key()
    assert wlan["access-points"] == {'巡控 "5"': {"password": key}}
    assert wlan["regulatory-domain"] == "CN"


@pytest.mark.parametrize("card", ["trixie"], indirect=True)
def test_each_card_is_another_machine_to_cloud_init(card, write):
    names = []
    for _ in range(2):
        write(card)
        names.append(yaml.safe_load(card.read("meta-data"))["instance-id"])
    assert names[0] != names[1]
    assert all(name.startswith("xunkong-cp-01-") for name in names)


@pytest.mark.parametrize("card", ["trixie"], indirect=True)
def test_cloud_init_itself_takes_it(card, write):
    if shutil.which("cloud-init") is None:
        pytest.skip("cloud-init is not installed: apt install cloud-init")
    write(card)
    command = ["cloud-init", "schema", "--config-file", str(card.path / "user-data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_password_where_there_is_no_key(card, write, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("raspberry\n"))
    code, said = write(card, "--ask-password", key=False)
    assert (code, "raspberry" in said) == (0, False)
    if card.os == "bookworm":
        found = card.toml("custom.toml")
        hashed, lets_in = found["user"]["password"], found["ssh"]["password_authentication"]
    else:
        told = yaml.safe_load(card.read("user-data"))
        hashed, lets_in = told["users"][0]["passwd"], told["ssh_pwauth"]
        assert not told["users"][0]["lock_passwd"]
    assert lets_in
    _, kind, salt, _ = hashed.split("$")
    again = ["openssl", "passwd", "-6", "-salt", salt, "raspberry"]
    assert (kind, subprocess.check_output(again, text=True).strip()) == ("6", hashed)
    assert not read_card(card.path / "xunkong/unit.json").keys_only


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--unit", "a b"], "is no unit's name"),
        (["--user", "Root"], "is no user's name"),
        (["--bundle", "none.zip"], "make it by xunkong provision bundle"),
        (["--wifi", "x", "--wifi-password", "/none"], "cannot read /none"),
        (["--zone", "Mars/Base"], "is no known time zone"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(card, write, more, said):
    before = card.there()
    code, told = write(card, *more)
    assert (code, said in told, card.there()) == (2, True, before), told


def test_somebody_must_be_able_to_log_in(card, write):
    code, said = write(card, key=False)
    assert (code, "else nobody could log in" in said) == (2, True)


def test_a_private_key_is_not_put_on_a_card(card, write):
    secret = _file(card, "-----BEGIN OPENSSH PRIVATE KEY-----\n")
    code, said = write(card, "--ssh-key", secret, key=False)
    assert (code, "is no file of public SSH keys" in said) == (2, True)


@pytest.mark.parametrize("name", ["cmdline.txt", "config.txt", "kernel8.img"])
def test_what_is_no_boot_partition_is_left_alone(card, write, name):
    (card.path / name).unlink()
    before = card.there()
    code, said = write(card)
    assert (code, f"it has no {name}" in said, card.there()) == (2, True, before)


@pytest.mark.parametrize("card", ["bookworm"], indirect=True)
@pytest.mark.parametrize(
    ("line", "more", "said"),
    [
        ("root=/dev/x rootwait\n", [], "name the system by --os"),
        ("root=/dev/x rootwait\n", ["--os", "bookworm"], "was started already"),
        (BOOKWORM.strip() + " systemd.run=/boot/firstrun.sh\n", [], "Imager's own settings"),
    ],
)
def test_a_card_that_was_used_or_has_other_settings(card, write, line, more, said):
    (card.path / "cmdline.txt").write_text(line)
    code, told = write(card, *more)
    assert (code, said in told) == (2, True), told
    assert not (card.path / "xunkong").exists()


@pytest.mark.parametrize("card", ["bookworm"], indirect=True)
def test_a_name_that_bookworm_would_spoil(card, write):
    code, said = write(card, "--wifi", "a;b", "--wifi-password", _file(card, "12345678"))
    assert (code, "bookworm's first boot cannot take this name" in said) == (2, True)


@pytest.mark.parametrize("card", ["bookworm"], indirect=True)
def test_a_bundle_for_another_release(card, write):
    code, said = write(card, "--bundle", card.laptop / "bundles/trixie.zip")
    assert (code, "is for trixie aarch64, the card has bookworm" in said) == (2, True)


def test_a_card_that_is_full_starts_nothing(card, write, monkeypatch):
    usage = shutil.disk_usage(card.path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    before = card.there()
    code, said = write(card)
    assert (code, "MB are needed" in said, card.there()) == (2, True, before)


def test_a_half_written_card_starts_nothing(card, write, monkeypatch):
    """What starts it comes last."""
    before = card.there()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provision.sd.partition.Partition._change", full)
    code, said = write(card)
    assert (code, "No space left" in said) == (2, True)
    digests = card.there()
    assert {name: digests[name] for name in before} == before


def test_what_a_command_needs(capsys, card):
    assert xunkong.main(["--lang", "en", "provision", "sd", str(card.path)]) == 2
    assert "give --unit" in capsys.readouterr().err


@pytest.mark.parametrize("card", ["bookworm"], indirect=True)
def test_a_gateway_over_ssh_that_is_not_there_leaves_the_card_as_it_was(card, bundles, capsys):
    before = card.there()
    words = ["--lang", "en", "provision", "sd", str(card.path), "--unit", "cp-01"]
    words += ["--role", "checkpoint", "--bundle", str(bundles)]
    words += ["--ssh-key", _file(card, KEY, "key.pub"), "--gateway", "ssh://127.0.0.1:1"]
    assert xunkong.main([*map(str, words)]) == 2
    assert "cannot reach 127.0.0.1 port 1" in capsys.readouterr().err
    assert card.there() == before
