"""`xunkong provision`: makes bundles, and turns machines into units, or into their gateway, over SSH."""

import argparse
from pathlib import Path

from provision.ask import ASKED, unseen
from provision.bundle import command
from provision.laptop import laptop_only
from provision.network.options import network_of, network_options
from provision.sd.cli import sd_commands
from provision.site_options import gateway_options
from wire.commands import Commands
from wire.words import Words

ROLES = ("vehicle", "checkpoint")


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    command.add_commands(commands)
    _host_command(commands)
    _fleet_command(commands)
    _gateway_command(commands)
    sd_commands(commands)


def _host_command(commands: Commands) -> None:
    words = Words("经 SSH 把一台机器变成单元", "turn one machine into a unit, over SSH")
    example = (
        "xunkong provision host 192.168.1.50 --unit cp-01 --role checkpoint "
        "--gateway site/gateway.toml --bundle bookworm.zip"
    )
    add = commands.add("host", words, example, host)
    said = commands.say("地址，可加 :端口", "its address; :PORT may follow")
    add.add_argument("host", metavar="HOST", help=said)
    add.add_argument("--unit", required=True, metavar="ID", help=commands.say("单元", "the unit"))
    add.add_argument("--role", required=True, choices=ROLES, help=commands.say("角色", "its role"))
    said = commands.say(
        "与 --ca：一次性注册码；- 询问", "with --ca: a one-time code; - asks for it"
    )
    add.add_argument("--code", metavar="CODE", help=said)
    said = commands.say("替换：同名的另一台立即失效", "put out the box that has this name now")
    add.add_argument("--replace", action="store_true", help=said)
    said = commands.say(
        "改名：这台机器现为另一单元", "the machine is another unit now, and gets this name"
    )
    add.add_argument("--rename", action="store_true", help=said)
    said = commands.say("信任此主机密钥指纹", "trust a host key with this fingerprint")
    add.add_argument("--host-key", metavar="SHA256:…", help=said)
    said = commands.say("部署包，或其所在目录", "the bundle, or a folder of them")
    add.add_argument("--bundle", type=Path, required=True, metavar="FILE", help=said)
    _shared_options(commands, add)


def _fleet_command(commands: Commands) -> None:
    words = Words("把多台机器变成单元", "turn many machines into units")
    example = "xunkong provision fleet fleet.csv --gateway site/gateway.toml --bundle bookworm.zip"
    add = commands.add("fleet", words, example, fleet)
    said = commands.say(
        "CSV：host,unit,role，可有 zone,bundle,parts,user,code,host_key,wifi,apn,pin 等",
        "CSV: host,unit,role, if need be zone,bundle,parts,user,code,host_key,wifi,apn,pin…",
    )
    add.add_argument("fleet", type=Path, metavar="FLEET.csv", help=said)
    said = commands.say("同时进行的台数，缺省 10", "how many at a time; 10")
    add.add_argument("--parallel", type=int, default=10, metavar="N", help=said)
    said = commands.say(
        "部署包或其目录；可由各行另给", "the bundle, or a folder of them; a line may name its own"
    )
    add.add_argument("--bundle", type=Path, metavar="FILE", help=said)
    _shared_options(commands, add)


def _gateway_command(commands: Commands) -> None:
    words = Words("经 SSH 把一台机器变成网关", "turn one machine into the gateway, over SSH")
    example = (
        "xunkong provision gateway 192.168.1.10 --host 192.168.1.10 --host gateway.example.cn "
        "--platform https://platform.example/events --bundle gateway-bookworm.zip"
    )
    add = commands.add("gateway", words, example, gateway)
    said = commands.say("地址，可加 :端口", "its address; :PORT may follow")
    add.add_argument("host", metavar="HOST", help=said)
    said = commands.say(
        "单元用来连接它的名称或地址，可多次；缺省为 HOST",
        "a name or address by which units reach it; again for more; HOST if left out",
    )
    add.add_argument("--host", dest="units_reach", action="append", metavar="NAME", help=said)
    said = commands.say(
        "单元的端口，缺省 8883；注册用端口为它加一",
        "the units' port, 8883; they enrol at the one above",
    )
    add.add_argument("--port", type=int, metavar="N", help=said)
    said = commands.say("指挥平台（CloudEvents）的地址", "the command platform (CloudEvents)")
    add.add_argument("--platform", metavar="URL", help=said)
    _zone(commands, add, None)
    said = commands.say(
        "发行公钥 release.pub", "whose signature makes a release count: release.pub"
    )
    add.add_argument("--release-key", type=Path, metavar="FILE", help=said)
    said = commands.say("信任此主机密钥指纹", "trust a host key with this fingerprint")
    add.add_argument("--host-key", metavar="SHA256:…", help=said)
    said = commands.say("网关的部署包，或其所在目录", "a gateway's bundle, or a folder of them")
    add.add_argument("--bundle", type=Path, required=True, metavar="FILE", help=said)
    _login_options(commands, add)
    _run_options(commands, add)
    _json(commands, add)


def _zone(
    commands: Commands, add: argparse.ArgumentParser, default: str | None = "Asia/Shanghai"
) -> None:
    said = commands.say("时区，缺省 Asia/Shanghai", "its time zone; Asia/Shanghai if left out")
    add.add_argument("--zone", default=default, metavar="Z", help=said)


def _shared_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    _zone(commands, add)
    _site_options(commands, add)
    _login_options(commands, add)
    network_options(commands, add)
    _machine_options(commands, add)
    _json(commands, add)


def _site_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    gateway_options(commands, add)
    said = commands.say(
        "够不到网关时：其 keys/ca.crt", "without the gateway at hand: its keys/ca.crt"
    )
    add.add_argument("--ca", type=Path, metavar="FILE", help=said)
    said = commands.say(
        "发行公钥 release.pub；缺省取 --gateway 旁的",
        "release.pub, if it is not beside --gateway's file",
    )
    add.add_argument("--release-key", type=Path, metavar="FILE", help=said)
    said = commands.say("broker 地址，可多次", "where units reach the broker; again for more")
    add.add_argument("--broker", action="append", default=[], metavar="HOST[:PORT]", help=said)


def _login_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    said = commands.say("登录用户，缺省 pi", "log in as; pi if left out")
    add.add_argument("--user", default="pi", metavar="NAME", help=said)
    said = commands.say("SSH 私钥", "the SSH key")
    add.add_argument("--key", type=Path, metavar="FILE", help=said)
    said = commands.say("询问密码（登录或 sudo）", "ask for the password (log-in, sudo)")
    add.add_argument("--ask-password", action="store_true", help=said)
    said = commands.say("已知主机", "hosts that are known")
    known = Path("~/.ssh/known_hosts")
    add.add_argument("--known-hosts", type=Path, default=known, metavar="FILE", help=said)


def _machine_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    said = commands.say(
        "与手册不同的部件（TOML）；空节为没有该部件",
        "parts that differ from the builder's book (TOML); an empty section: it has none",
    )
    add.add_argument("--parts", type=Path, metavar="FILE", help=said)
    said = commands.say("型号文件", "where the model is written")
    model = "/proc/device-tree/model"
    add.add_argument("--model-file", default=model, metavar="PATH", help=said)
    said = commands.say("启动分区", "the boot partition")
    add.add_argument("--boot-folder", default="/boot/firmware", metavar="PATH", help=said)
    said = commands.say("即使没有改动也再自检", "a self-test though nothing changed")
    add.add_argument("--test-again", action="store_true", help=said)
    _run_options(commands, add)


def _run_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    said = commands.say("只显示将会改动什么", "only show what would be changed")
    add.add_argument("--dry-run", action="store_true", help=said)
    said = commands.say("上岗后只许用密钥登录", "once on duty, no more log-in by password")
    add.add_argument("--keys-only", action="store_true", help=said)
    said = commands.say("报告存放目录", "where the report is written")
    reports = Path("provision-reports")
    add.add_argument("--report", type=Path, default=reports, metavar="DIR", help=said)


def _json(commands: Commands, add: argparse.ArgumentParser) -> None:
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    add.add_argument("--json", action="store_true", help=said)


def host(args: argparse.Namespace) -> int:
    """Provisions one machine. 1 when a step failed."""
    with laptop_only():
        from provision.host.command import provision_host

    password = _password(args)
    code = unseen(Words("注册码：", "code: "), args.language) if args.code == ASKED else args.code
    return provision_host(args, password, code, network_of(args))


def gateway(args: argparse.Namespace) -> int:
    """Provisions the gateway's machine. 1 when a step failed."""
    with laptop_only():
        from provision.gateway.command import provision_gateway

    return provision_gateway(args, _password(args))


def fleet(args: argparse.Namespace) -> int:
    """Provisions many. 1 when one failed."""
    with laptop_only():
        from provision.fleet.command import provision_fleet, shown

    args.ended = lambda outcome: print(shown(outcome, args.json, args.language), flush=True)
    outcomes, table = provision_fleet(args, _password(args))
    if not args.json:
        print("\n".join(("", *(words.say(args.language) for words in table))))
    return 1 if any(outcome.why for outcome in outcomes) else 0


def _password(args: argparse.Namespace) -> str | None:
    if not args.ask_password:
        return None
    return unseen(Words(f"{args.user} 的密码：", f"password of {args.user}: "), args.language)
