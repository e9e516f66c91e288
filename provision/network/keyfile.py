"""NetworkManager's profiles as its keyfiles have them (nm-settings-keyfile(5)); nothing is run.

A profile of ours stands behind any that the machine has already (`autoconnect-priority`), so the link that a
technician came over is never left for it; it is tried again for ever, as nobody is there to do so. A PIN that the
SIM refused is not tried again by NetworkManager itself.
"""

import re
import uuid
from collections.abc import Iterator, Mapping

from provision.network.wanted import Modem, Network, Wifi

FOLDER = "/etc/NetworkManager/system-connections"
BEHIND_OTHERS = "-1"
FOR_EVER = "0"
NAMESPACE = uuid.UUID("6b9e2c0e-3f5f-4c55-9f0f-1f0a4f6d7a10")
PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9 _.-]*[A-Za-z0-9_.-])?")
"""Names that stand there as they are; all others are lists of bytes, as there is no other sure way."""

Sections = Mapping[str, Mapping[str, str | None]]


def profiles(network: Network) -> Iterator[tuple[str, bytes]]:
    """Each profile's path and content, which is secret."""
    if network.wifi:
        yield _file("xunkong-wifi", _wifi(network.wifi))
    if network.modem:
        yield _file("xunkong-modem", _modem(network.modem))


def _file(name: str, sections: Sections) -> tuple[str, bytes]:
    head = {
        "id": name,
        "uuid": str(uuid.uuid5(NAMESPACE, name)),
        "type": next(iter(sections)),
        "autoconnect-priority": BEHIND_OTHERS,
        "autoconnect-retries": FOR_EVER,
    }
    whole: Sections = {
        "connection": head,
        **sections,
        "ipv4": {"method": "auto"},
        "ipv6": {"method": "auto", "addr-gen-mode": "default"},
    }
    return f"{FOLDER}/{name}.nmconnection", _text(whole).encode()


def _wifi(wifi: Wifi) -> Sections:
    return {
        "wifi": {"mode": "infrastructure", "ssid": _ssid(wifi.ssid)},
        "wifi-security": {"key-mgmt": "wpa-psk", "psk": _value(wifi.password)},
    }


def _modem(modem: Modem) -> Sections:
    said = {
        "apn": modem.apn,
        "pin": modem.pin,
        "username": modem.user and _value(modem.user),
        "password": modem.password and _value(modem.password),
    }
    return {"gsm": said}


def _text(sections: Sections) -> str:
    """None: the key is left out."""
    blocks = (
        "\n".join((f"[{name}]", *(f"{k}={v}" for k, v in keys.items() if v is not None), ""))
        for name, keys in sections.items()
    )
    return "\n".join(blocks)


def _value(text: str) -> str:
    """As GLib's key files have a text: backslashes are doubled, outer spaces written so that they stay."""
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    after = len(text) - len(inner) - before if inner else 0
    return r"\s" * before + inner.replace("\\", "\\\\") + r"\s" * after


def _ssid(name: str) -> str:
    if PLAIN.fullmatch(name):
        return name
    return "".join(f"{byte};" for byte in name.encode())
