"""What `xunkong provision gateway` does with its arguments."""

import argparse
import re
from collections.abc import Sequence
from ipaddress import ip_address

from provision.bundle.bundle import Bundle
from provision.bundle.choose import choose
from provision.gateway.job import GATEWAY, GatewayJob, GatewayWish
from provision.gateway.steps import STEPS
from provision.host.command import agreed, check_zone, login_of, read_release_key
from provision.host.facts import ask_facts
from provision.host.hostkey import check_host_key
from provision.host.machine import Machine
from provision.host.report import write_report
from provision.host.run import run_steps
from provision.host.show import Show
from wire.words import Fault

NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
URL = re.compile(r"https?://[!-~]{1,1990}")
PORTS = range(1024, 65_534)
"""mosquitto has no right to the lower ones, and two above it are needed."""


def provision_gateway(args: argparse.Namespace, password: str | None) -> int:
    """0 when the gateway is at work, 1 when a step failed. Raises `Fault` for what cannot even be begun."""
    login = login_of(args, password)
    wish = wish_of(args, login.host)
    bundle = None if args.bundle.is_dir() else Bundle(args.bundle, GATEWAY.made_for)
    check_host_key(
        login.host, login.port, login.known_hosts, lambda q, f: agreed(args, q, f, args.host_key)
    )
    show = Show(len(STEPS), args.json, args.language)
    with Machine(login, args.dry_run) as machine:
        if bundle is None:
            bundle = choose(args.bundle, ask_facts(machine).kind, GATEWAY.made_for)
        job = GatewayJob(machine, wish, bundle)
        job.report["host"] = args.host
        job.say = show.percent
        good = run_steps(job, show.begins, show.ended, STEPS)
    files = () if args.dry_run else write_report(job.report, args.report)
    show.result(job.report, files)
    return 0 if good else 1


def wish_of(args: argparse.Namespace, address: str) -> GatewayWish:
    """The gateway as it is wanted; without `--host` units reach it where we did. Raises `Fault`."""
    check_zone(args.zone)
    if args.port not in PORTS:
        raise Fault(
            f"--port {args.port}：应在 {PORTS[0]} 到 {PORTS[-1]} 之间",
            f"--port {args.port}: give {PORTS[0]} to {PORTS[-1]}",
        )
    if args.platform is not None and not URL.fullmatch(args.platform):
        raise Fault(
            f"--platform {args.platform!r} 应为 http:// 或 https:// 开头的地址",
            f"--platform {args.platform!r} should be an address with http:// or https://",
        )
    return GatewayWish(
        zone=args.zone,
        hosts=_checked(args.units_reach or [address]),
        port=args.port,
        platform=args.platform,
        keys_only=args.keys_only,
        release_key=read_release_key(args.release_key) if args.release_key else None,
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _checked(hosts: Sequence[str]) -> tuple[str, ...]:
    for host in hosts:
        if not (_is_address(host) or (NAME.fullmatch(host) and host[0] != "-")):
            raise Fault(
                f"--host {host!r} 应为名称或 IP 地址",
                f"--host {host!r} should be a name or an IP address",
            )
    return tuple(hosts)
