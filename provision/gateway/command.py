"""What `xunkong provision gateway` does with its arguments."""

import argparse
import re
from urllib.parse import urlsplit

from provision.bundle.bundle import Bundle
from provision.bundle.choose import choose
from provision.gateway.job import GATEWAY, GatewayJob, GatewayWish
from provision.gateway.steps import STEPS
from provision.host.command import carry_out, check_zone, login_of, read_release_key
from provision.host.facts import ask_facts
from provision.host.machine import Machine
from wire.hosts import check_hosts
from wire.words import Fault

URL = re.compile(r"https?://[!-~]{1,1990}")
PORTS = range(1024, 65_534)
"""mosquitto has no right to the lower ones, and two above it are needed."""
UNITS_PORT, ZONE = 8883, "Asia/Shanghai"


def provision_gateway(args: argparse.Namespace, password: str | None) -> int:
    """0 when the gateway is at work, 1 when a step failed. Raises `Fault` for what cannot even be begun."""
    login = login_of(args, password)
    wish = wish_of(args, login.host)
    given = None if args.bundle.is_dir() else Bundle(args.bundle, GATEWAY.made_for)

    def begun(machine: Machine) -> GatewayJob:
        found = given or choose(args.bundle, ask_facts(machine).kind, GATEWAY.made_for)
        return GatewayJob(machine, wish, found)

    return carry_out(args, login, begun, STEPS)


def wish_of(args: argparse.Namespace, address: str) -> GatewayWish:
    """The gateway as it is wanted; without `--host` units reach it where we did. Raises `Fault`."""
    asked = {"zone": args.zone, "hosts": args.units_reach, "port": args.port}
    zone, port = args.zone or ZONE, UNITS_PORT if args.port is None else args.port
    check_zone(zone)
    if port not in PORTS:
        raise Fault(
            f"--port {port}：应在 {PORTS[0]} 到 {PORTS[-1]} 之间",
            f"--port {port}: give {PORTS[0]} to {PORTS[-1]}",
        )
    hosts = args.units_reach or [address]
    check_hosts(hosts)
    if args.platform is not None:
        _check_platform(args.platform)
    return GatewayWish(
        zone=zone,
        hosts=tuple(hosts),
        port=port,
        platform=args.platform,
        asked=frozenset(name for name, value in asked.items() if value is not None),
        keys_only=args.keys_only,
        release_key=read_release_key(args.release_key) if args.release_key else None,
    )


def _check_platform(url: str) -> None:
    if not URL.fullmatch(url):
        raise Fault(
            f"--platform {url!r} 应为 http:// 或 https:// 开头的地址",
            f"--platform {url!r} should be an address with http:// or https://",
        )
    if "@" in urlsplit(url).netloc:
        raise Fault(
            "--platform 中不能有用户名或口令：他人可见；请建成后写入 gateway.toml 的 [[sink]] headers",
            "--platform must not hold a user's name or password, which others can see: once the gateway stands, put "
            "it into headers of [[sink]] in its gateway.toml",
        )
