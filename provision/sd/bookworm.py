"""The first boot of Raspberry Pi OS 12: `custom.toml`, and one more program by the kernel's line.

`custom.toml` is read by `init_config` of the package raspberrypi-sys-mods, which `init=…/firstboot` in cmdline.txt
runs before the system itself; it is removed there. What follows is run by systemd-run-generator(8), as Raspberry
Pi Imager's `firstrun.sh` was: once, with the file systems mounted, and the machine is then started anew.
"""

from provision.network.wanted import Wifi
from provision.sd.card import FOLDER, ON_PI
from provision.sd.login import User
from provision.steps.settings import to_toml
from wire.words import Fault

FIRST = "init=/usr/lib/raspberrypi-sys-mods/firstboot"
RUN = (
    f"systemd.run={ON_PI}/{FOLDER}/start.sh",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
)


def custom_toml(unit: str, zone: str, user: User, wifi: Wifi | None) -> str:
    """The file's text. Raises `Fault` for a Wi-Fi name that the system's own script would spoil."""
    table = {
        "system": {"hostname": host_name(unit)},
        "user": {"name": user.name, "password": user.password or "", "password_encrypted": True},
        "ssh": {
            "enabled": True,
            "password_authentication": not user.keys,
            "authorized_keys": list(user.keys),
        },
        "locale": {"timezone": zone},
    }
    if wifi:
        table["wlan"] = _wlan(wifi)
    return "config_version = 1\n" + to_toml(table)


def _wlan(wifi: Wifi) -> dict[str, str | bool]:
    if wifi.ssid != wifi.ssid.strip() or set(wifi.ssid) & set(";\\") or wifi.ssid.startswith("-"):
        raise Fault(
            f"--wifi {wifi.ssid}：bookworm 首次启动不支持这个名字；请改名，或用 provision host",
            f"--wifi {wifi.ssid}: bookworm's first boot cannot take this name; give the network another, "
            "or use provision host",
        )
    return {
        "ssid": wifi.ssid,
        "password": wifi.key(),
        "password_encrypted": True,
        "hidden": False,
        "country": wifi.country,
    }


def host_name(unit: str) -> str:
    """A unit's name is a host's, but for hyphens at its end (RFC 1123)."""
    return unit.rstrip("-")


def cmdline(old: str) -> str:
    """The kernel's line with our program. Raises `Fault` where the first boot is over, or has another program."""
    words = old.split()
    if FIRST not in words:
        raise Fault(
            "这张卡已经启动过；请重新烧录，或开机后用 xunkong provision host",
            "this card was started already; flash it anew, or power it on and use xunkong provision host",
        )
    if any(word.startswith("systemd.run=") for word in words):
        raise Fault(
            "卡上已有 Raspberry Pi Imager 的设置；请不带自定义设置重新烧录",
            "Raspberry Pi Imager's own settings are on this card; flash it again without customisation",
        )
    return " ".join((*words, *RUN)) + "\n"
