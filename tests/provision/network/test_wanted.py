"""What no access point or modem takes is refused, and no secret is shown with it."""

import pytest

from provision.network.wanted import Modem, Wifi, checked_modem, checked_wifi
from tests.provision.conftest import faulty

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "wifi",
    [
        Wifi("a", "12345678"),
        Wifi("巡控站", "~" * 63, "DE"),
        Wifi("x" * 32, "0f" * 32),
        Wifi(" ; ", r" \;# [=]"),
        Wifi("x", " " * 8),
    ],
)
def test_a_wifi_that_can_be(wifi):
    assert checked_wifi(wifi) == wifi


@pytest.mark.parametrize(
    ("wifi", "said"),
    [
        (Wifi("", SECRET), "--wifi : a name of 1 to 32 bytes"),
        (Wifi("巡" * 11, SECRET), "a name of 1 to 32 bytes"),
        (Wifi("a\nb", SECRET), "a name of 1 to 32 bytes"),
        (Wifi("a", "secret7"), "--wifi-password (7): 8 to 63"),
        (Wifi("a", "g" * 64), "--wifi-password (64): 8 to 63"),
        (Wifi("a", "密码密码密码密码"), "--wifi-password (8): 8 to 63"),
        (Wifi("a", SECRET, "China"), "--wifi-country China: two capital letters"),
    ],
)
def test_a_wifi_that_cannot(wifi, said):
    found = faulty(checked_wifi, wifi)
    assert said in found and wifi.password not in found


def test_the_key_of_a_password():
    """The first test vector of IEEE 802.11, annex J.4.2."""
    key = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert Wifi("IEEE", "password").key() == key
    assert Wifi("x", key.upper()).key() == key


@pytest.mark.parametrize(
    ("modem", "said"),
    [
        (Modem(""), "--apn : for example cmnet"),
        (Modem("a b"), "--apn a b: for example"),
        (Modem("cmnet", "123"), "--pin (3): 4 to 8 digits"),
        (Modem("cmnet", "12x4"), "--pin (4): 4 to 8 digits"),
        (Modem("cmnet", user="\n"), "--apn-user (1)"),
        (Modem("cmnet", password="密"), "--apn-password (1)"),
    ],
)
def test_a_modem_that_cannot(modem, said):
    found = faulty(checked_modem, modem)
    assert said in found and "12x4" not in found


def test_a_modem_that_can_be():
    modem = Modem("cmiot.4g", "1234", "card", "p w")
    assert checked_modem(modem) == modem
