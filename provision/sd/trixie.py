"""The first boot of Raspberry Pi OS 13: cloud-init, by files on the boot partition (its data source NoCloud).

The image has `user-data`, `meta-data` and `network-config` (pi-gen, stage2/04-cloud-init); Raspberry Pi Imager writes
the same three. All are JSON, which is YAML too. `network-config` is netplan's, which NetworkManager carries out.
"""

import json
from typing import Any

from provision.network.wanted import Wifi
from provision.sd.bookworm import host_name
from provision.sd.card import FOLDER, ON_PI, SERVICE
from provision.sd.login import User

GROUPS = "users,adm,dialout,audio,netdev,video,plugdev,cdrom,games,input,gpio,spi,i2c,render,sudo"
"""Those of the image's own first user."""


def user_data(unit: str, zone: str, user: User) -> str:
    """Host name, time zone, user, SSH, and our program at the end."""
    table = {
        "hostname": host_name(unit),
        "manage_etc_hosts": True,
        "timezone": zone,
        "users": [_user(user)],
        "ssh_pwauth": not user.keys,
        "runcmd": [
            ["systemctl", "enable", "--now", "ssh.service"],
            ["sh", f"{ON_PI}/{FOLDER}/start.sh"],
            ["systemctl", "start", "--no-block", SERVICE],
        ],
    }
    return f"#cloud-config\n{_text(table)}"


def _user(user: User) -> dict[str, Any]:
    table: dict[str, Any] = {"name": user.name, "groups": GROUPS, "shell": "/bin/bash"}
    table["lock_passwd"] = user.password is None
    if user.password:
        table["passwd"] = user.password
    if user.keys:
        table["ssh_authorized_keys"] = list(user.keys)
        table["sudo"] = "ALL=(ALL) NOPASSWD:ALL"
    return table


def meta_data(name: str) -> str:
    """`name`: another one has cloud-init do all of it, though the card was started before."""
    return _text({"dsmode": "local", "instance-id": name})


def network_config(wifi: Wifi) -> str:
    """Ethernet needs nothing: NetworkManager takes it by itself."""
    wlan = {
        "dhcp4": True,
        "optional": True,
        "regulatory-domain": wifi.country,
        "access-points": {wifi.ssid: {"password": wifi.key()}},
    }
    return _text({"network": {"version": 2, "wifis": {"wlan0": wlan}}})


def _text(table: dict[str, Any]) -> str:
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"
