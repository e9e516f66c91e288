"""The network that a unit is to have beside Ethernet, which needs nothing: Wi-Fi, a cellular modem, or both.

The limits are IEEE 802.11's (a name of up to 32 bytes, a password of 8 to 63 printable ASCII characters, or 64
hexadecimal digits that are the key itself), and NetworkManager's for an access point name.
"""

import hashlib
import re

from msgspec import Struct

from provision.kinds import NETWORK
from wire.words import Fault, Words

KEY = re.compile(r"[0-9A-Fa-f]{64}")
PASSWORD = re.compile(r"[ -~]{8,63}")
COUNTRY = re.compile(r"[A-Z]{2}")
APN = re.compile(r"[A-Za-z0-9._-]{1,64}")
PIN = re.compile(r"[0-9]{4,8}")
TEXT = re.compile(r"[ -~]{1,64}")
ROUNDS, KEY_BYTES = 4096, 32


class Wifi(Struct, frozen=True):
    """A Wi-Fi network with a password (WPA2 or WPA3). `country`: whose radio rules hold (ISO 3166)."""

    ssid: str
    password: str
    country: str = "CN"

    def key(self) -> str:
        """The key of `ssid` and `password`: 64 hexadecimal digits, for WPA2 (IEEE 802.11, annex J.4)."""
        if KEY.fullmatch(self.password):
            return self.password.lower()
        salt = self.ssid.encode()
        return hashlib.pbkdf2_hmac("sha1", self.password.encode(), salt, ROUNDS, KEY_BYTES).hex()


class Modem(Struct, frozen=True):
    """A cellular modem's access. `pin`: the SIM's. `user`, `password`: the access point's; None: it wants none."""

    apn: str
    pin: str | None = None
    user: str | None = None
    password: str | None = None


class Network(Struct, frozen=True):
    """What is wanted; None: not that one. With both, Wi-Fi is used where it reaches."""

    wifi: Wifi | None = None
    modem: Modem | None = None


def packages_of(wanted: Network | None) -> list[str]:
    """The Debian packages that it needs."""
    if wanted is None:
        return []
    kinds = (("wifi", wanted.wifi), ("modem", wanted.modem))
    return list(dict.fromkeys(name for kind, one in kinds if one for name in NETWORK[kind]))


def checked_wifi(wifi: Wifi) -> Wifi:
    """Raises `Fault`, which shows no password, for what no access point takes."""
    if not 1 <= len(wifi.ssid.encode()) <= 32 or not wifi.ssid.isprintable():
        raise _wrong(
            "--wifi", wifi.ssid, Words("应为 1 到 32 字节的网络名", "a name of 1 to 32 bytes")
        )
    if not (PASSWORD.fullmatch(wifi.password) or KEY.fullmatch(wifi.password)):
        raise _wrong(
            "--wifi-password",
            f"({len(wifi.password)})",
            Words(
                "应为 8 到 63 个可打印的 ASCII 字符",
                "8 to 63 printable ASCII characters are a Wi-Fi password",
            ),
        )
    if not COUNTRY.fullmatch(wifi.country):
        raise _wrong(
            "--wifi-country", wifi.country, Words("应为两个大写字母", "two capital letters, as CN")
        )
    return wifi


def checked_modem(modem: Modem) -> Modem:
    """Raises `Fault`, which shows no PIN and no password, for what no modem takes."""
    if not APN.fullmatch(modem.apn):
        raise _wrong("--apn", modem.apn, Words("例如 cmnet", "for example cmnet"))
    if modem.pin is not None and not PIN.fullmatch(modem.pin):
        raise _wrong("--pin", f"({len(modem.pin)})", Words("应为 4 到 8 位数字", "4 to 8 digits"))
    for option, text in (("--apn-user", modem.user), ("--apn-password", modem.password)):
        if text is not None and not TEXT.fullmatch(text):
            what = Words("应为 1 到 64 个 ASCII 字符", "1 to 64 printable ASCII characters")
            raise _wrong(option, f"({len(text)})", what)
    return modem


def _wrong(option: str, shown: str, what: Words) -> Fault:
    return Fault(f"{option} {shown}：{what.zh}", f"{option} {shown}: {what.en}")
