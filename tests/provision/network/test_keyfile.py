"""Profiles as NetworkManager itself would write them: its own nmcli reads ours, and makes the same of its own."""

import shutil
import subprocess

import pytest

from provision.network.keyfile import profiles
from provision.network.wanted import Modem, Network, Wifi, checked_modem, checked_wifi

NAMES = (
    "Station 5",
    "1234",
    "65;66;",
    "巡控站",
    " outer ",
    r"a\b",
    "semi;colon",
    "#x",
    "[y]",
    "q\"'",
    "a=b",
)
PASSWORDS = (
    "12345678",
    r" outer\; ",
    "        ",
    r"\s\n\t;#=[x]",
    "0123456789abcdef" * 4,
    "\"'$`!~|\\",
)


@pytest.fixture(scope="module")
def nmcli():
    if shutil.which("nmcli") is None:
        pytest.skip("nmcli is not installed: apt install network-manager")

    def run(*words, stdin=None):
        command = ["nmcli", "--offline", "connection", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    return run


def only(network):
    ((path, content),) = profiles(network)
    return path, content


def as_read(nmcli, content):
    """Our profile as NetworkManager understands and writes it."""
    return nmcli("modify", "connection.autoconnect", "yes", stdin=content)


def as_made(nmcli, content, kind, *words):
    """One that NetworkManager makes itself, under our name."""
    uuid = next(line for line in content.decode().splitlines() if line.startswith("uuid="))
    same = ["connection.uuid", uuid.removeprefix("uuid="), "connection.autoconnect-priority", "-1"]
    same += ["connection.autoconnect-retries", "0", "ipv4.method", "auto", "ipv6.method", "auto"]
    return nmcli("add", "type", kind, "con-name", f"xunkong-{words[0]}", *same, *words[1:])


@pytest.mark.parametrize("ssid", NAMES)
def test_wifi_of_any_name(nmcli, ssid):
    _, content = only(Network(checked_wifi(Wifi(ssid, "12345678"))))
    words = ["ifname", "", "ssid", ssid, "wifi.mode", "infrastructure"]
    words += ["wifi-sec.key-mgmt", "wpa-psk", "wifi-sec.psk", "12345678"]
    assert as_read(nmcli, content) == as_made(nmcli, content, "wifi", "wifi", *words)


@pytest.mark.parametrize("password", PASSWORDS)
def test_wifi_of_any_password(nmcli, password):
    _, content = only(Network(checked_wifi(Wifi("site", password))))
    words = ["ifname", "", "ssid", "site", "wifi.mode", "infrastructure"]
    words += ["wifi-sec.key-mgmt", "wpa-psk", "wifi-sec.psk", password]
    assert as_read(nmcli, content) == as_made(nmcli, content, "wifi", "wifi", *words)


@pytest.mark.parametrize(
    "modem", [Modem("cmnet"), Modem("cmiot.4g", "0123", "card", r" p\; "), Modem("3gnet", user="u")]
)
def test_a_modem(nmcli, modem):
    _, content = only(Network(modem=checked_modem(modem)))
    words = ["ifname", "", "gsm.apn", modem.apn]
    said = {"gsm.pin": modem.pin, "gsm.username": modem.user, "gsm.password": modem.password}
    words += [word for key, value in said.items() if value for word in (key, value)]
    assert as_read(nmcli, content) == as_made(nmcli, content, "gsm", "modem", *words)


def test_both_stand_behind_whatever_is_there():
    found = dict(profiles(Network(Wifi("site", "12345678"), Modem("cmnet"))))
    assert list(found) == [
        "/etc/NetworkManager/system-connections/xunkong-wifi.nmconnection",
        "/etc/NetworkManager/system-connections/xunkong-modem.nmconnection",
    ]
    for content in found.values():
        assert b"\nautoconnect-priority=-1\n" in content
    uuids = {line for text in found.values() for line in text.splitlines() if b"uuid=" in line}
    assert len(uuids) == 2


def test_the_same_is_the_same_again():
    network = Network(Wifi("site", "12345678"), Modem("cmnet", "1234"))
    assert list(profiles(network)) == list(profiles(network))


def test_a_name_that_could_be_read_otherwise_is_a_list_of_bytes():
    assert b"\nssid=49;59;\n" in only(Network(Wifi("1;", "12345678")))[1]
    assert b"\nssid=Station 5\n" in only(Network(Wifi("Station 5", "12345678")))[1]
