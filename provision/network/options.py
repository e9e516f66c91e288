"""The network's options on a command line. Passwords and PINs are asked for or come from files: `-` or FILE."""

import argparse

from provision.ask import ASKED, secret
from provision.network.wanted import Modem, Network, Wifi, checked_modem, checked_wifi
from wire.commands import Commands
from wire.words import Fault, Words

NAMES = ("wifi", "wifi_password", "wifi_country", "apn", "pin", "apn_user", "apn_password")
SECRET = ("wifi_password", "pin", "apn_password")


def network_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    """Declares them."""
    group = add.add_argument_group(
        commands.say("网络（以太网无需设置）", "network (Ethernet needs none of it)")
    )
    said = commands.say("Wi-Fi 网络名", "the Wi-Fi network")
    group.add_argument("--wifi", metavar="SSID", help=said)
    said = commands.say(
        "其密码所在的文件；缺省 - 为询问", "a file with its password; - asks for it, as if left out"
    )
    group.add_argument("--wifi-password", metavar="FILE", help=said)
    said = commands.say("无线电管制国家，缺省 CN", "whose radio rules hold; CN if left out")
    group.add_argument("--wifi-country", metavar="CC", help=said)
    said = commands.say("蜂窝模块的接入点", "the cellular modem's access point")
    group.add_argument("--apn", metavar="APN", help=said)
    said = commands.say("SIM 卡 PIN 所在的文件；- 询问", "a file with the SIM's PIN; - asks for it")
    group.add_argument("--pin", metavar="FILE", help=said)
    said = commands.say("接入点用户", "the access point's user")
    group.add_argument("--apn-user", metavar="NAME", help=said)
    said = commands.say(
        "接入点密码所在的文件；- 询问", "a file with the access point's password; - asks for it"
    )
    group.add_argument("--apn-password", metavar="FILE", help=said)


def network_of(args: argparse.Namespace) -> Network | None:
    """What the options say; asks where they say so. None: nothing but Ethernet. Raises `Fault`."""
    _check_belongs(args)
    if not (args.wifi or args.apn):
        return None
    return Network(_wifi(args) if args.wifi else None, _modem(args) if args.apn else None)


def check_files(args: argparse.Namespace) -> None:
    """Raises `Fault` for secrets that are to be asked for, where nobody can be."""
    asked = [f"--{name.replace('_', '-')}" for name in SECRET if getattr(args, name) == ASKED]
    if args.wifi and not args.wifi_password:
        asked.append("--wifi-password")
    if asked:
        raise Fault(
            f"{asked[0]}：多台一起时请给出文件",
            f"{asked[0]}: give a file; for many machines nobody is asked",
        )


def _check_belongs(args: argparse.Namespace) -> None:
    for option, needed in (
        ("wifi_password", "wifi"),
        ("wifi_country", "wifi"),
        ("pin", "apn"),
        ("apn_user", "apn"),
        ("apn_password", "apn"),
    ):
        if getattr(args, option) and not getattr(args, needed):
            name = option.replace("_", "-")
            raise Fault(f"--{name} 需要 --{needed}", f"--{name} needs --{needed}")


def _wifi(args: argparse.Namespace) -> Wifi:
    asked = Words(f"Wi-Fi {args.wifi} 的密码：", f"password of Wi-Fi {args.wifi}: ")
    password = secret(args.wifi_password or ASKED, asked, args.language)
    return checked_wifi(Wifi(args.wifi, password, args.wifi_country or "CN"))


def _modem(args: argparse.Namespace) -> Modem:
    asked = Words("SIM 卡 PIN：", "the SIM's PIN: ")
    pin = secret(args.pin, asked, args.language) if args.pin else None
    asked = Words(f"接入点 {args.apn} 的密码：", f"password of access point {args.apn}: ")
    password = secret(args.apn_password, asked, args.language) if args.apn_password else None
    return checked_modem(Modem(args.apn, pin, args.apn_user, password))
