"""What `xunkong provision host` does with its arguments: a wish, a way in, a site; then step by step."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from provision.bundle.bundle import Bundle
from provision.bundle.choose import choose
from provision.host.facts import ask_facts
from provision.host.hostkey import check_host_key
from provision.host.job import AnyWork, Job, Step, Wish
from provision.host.machine import Login, Machine
from provision.host.report import write_report
from provision.host.run import run_steps
from provision.host.show import Show
from provision.host.site import Broker, Site, SiteByCode, SiteFolder
from provision.host.site_ssh import SCHEME, SiteOverSsh, gateway_login
from provision.host.steps import STEPS
from provision.network.wanted import Network
from provision.steps.settings import read_parts
from wire import topics
from wire.release import public_key
from wire.words import Fault, Words


def provision_host(
    args: argparse.Namespace, password: str | None, code: str | None, network: Network | None
) -> int:
    """0 when the unit is on duty, 1 when a step failed. Raises `Fault` for what cannot even be begun."""
    site = site_of(args, code)
    wish = wish_of(args, site, network)
    given = None if args.bundle.is_dir() else Bundle(args.bundle)

    def begun(machine: Machine) -> Job:
        found = given or choose(args.bundle, ask_facts(machine, args.model_file).kind)
        return Job(machine, wish, found, site)

    return carry_out(args, login_of(args, password), begun, STEPS)


def carry_out(
    args: argparse.Namespace,
    login: Login,
    begun: Callable[[Machine], AnyWork],
    steps: Sequence[Step[AnyWork]],
) -> int:
    """Goes to the machine and takes the steps; shows and reports them. 0 when all went well, 1 when one failed.

    A run that failed and changed nothing leaves the report of an earlier one as it is.
    """
    check_host_key(
        login.host, login.port, login.known_hosts, lambda q, f: agreed(args, q, f, args.host_key)
    )
    show = Show(len(steps), args.json, args.language, args.dry_run)
    with Machine(login, args.dry_run) as machine, show.told_of_a_stop():
        job = begun(machine)
        job.report["host"] = args.host
        job.say = show.percent
        good = run_steps(job, show.begins, show.ended, steps)
    untouched = args.dry_run or not (good or job.report["changed"])
    files = () if untouched else write_report(job.report, args.report)
    show.result(job.report, files)
    return 0 if good else 1


def site_of(args: argparse.Namespace, code: str | None) -> Site:
    """The gateway, by its folder, over SSH or by a code. Raises `Fault`."""
    if args.gateway and not (args.ca or code):
        over_ssh = args.gateway.startswith(SCHEME)
        return _over_ssh(args) if over_ssh else SiteFolder(Path(args.gateway))
    if args.ca and not args.gateway:
        return SiteByCode(args.ca, code)
    raise Fault(
        "请给出 --gateway FILE（网关的 gateway.toml）或 ssh://用户@网关，或 --ca FILE 与 --code CODE",
        "give either --gateway FILE (the gateway's gateway.toml) or ssh://user@gateway, or --ca FILE with --code CODE",
    )


def _over_ssh(args: argparse.Namespace) -> Site:
    login, config = gateway_login(args.gateway, args.gateway_key, args.known_hosts)
    check_host_key(
        login.host,
        login.port,
        login.known_hosts,
        lambda q, f: agreed(args, q, f, args.gateway_host_key),
        "--gateway-host-key",
    )
    return SiteOverSsh(lambda: Machine(login), config)


def wish_of(args: argparse.Namespace, site: Site, network: Network | None) -> Wish:
    """The unit as it is wanted. Raises `Fault`."""
    if not topics.is_unit(args.unit):
        raise Fault(f"{args.unit!r} 不是单元名", f"{args.unit!r} is no unit's name")
    check_zone(args.zone)
    brokers = tuple(_broker(text) for text in args.broker) or tuple(site.brokers())
    if not brokers:
        raise Fault("请用 --broker 给出 broker 地址", "give the broker's address by --broker")
    return Wish(
        unit=args.unit,
        role=args.role,
        zone=args.zone,
        brokers=brokers,
        parts=read_parts(args.parts) if args.parts else {},
        model_file=args.model_file,
        boot_folder=args.boot_folder.rstrip("/"),
        test_again=args.test_again,
        keys_only=args.keys_only,
        replace=args.replace,
        rename=getattr(args, "rename", False),
        release_key=read_release_key(args.release_key) if args.release_key else None,
        network=network,
    )


def check_zone(zone: str) -> None:
    """Raises `Fault` for what is no time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise Fault(
            f"--zone {zone!r} 不是已知时区；例如 Asia/Shanghai",
            f"--zone {zone!r} is no known time zone; for example Asia/Shanghai",
        ) from exc


def read_release_key(path: Path) -> bytes:
    """A release key's public half (PEM). Raises `Fault` for another file."""
    public_key(path)
    return path.read_bytes()


def _broker(text: str) -> Broker:
    host, port = split_port(text, 8883)
    return Broker(host, port)


def login_of(args: argparse.Namespace, password: str | None) -> Login:
    """The way in. Raises `Fault`."""
    host, port = split_port(args.host, 22)
    return Login(host, port, args.user, args.key, password, args.known_hosts)


def split_port(text: str, otherwise: int) -> tuple[str, int]:
    """`HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address. Raises `Fault`."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, str(otherwise)
    if not port.isdigit() or not 1 <= int(port) <= 65535 or not host.strip("[]"):
        raise Fault(f"{text!r} 应为 HOST 或 HOST:PORT", f"{text!r} should be HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def agreed(args: argparse.Namespace, question: Words, shown: str, given: str | None) -> bool:
    """By the fingerprint that was given, else by who sits there; nobody there is a no."""
    if given:
        return given == shown
    if not sys.stdin.isatty():
        return False
    answer = input(f"{question.say(args.language)} [y/N] ")
    return answer.strip().lower() in ("y", "yes", "是")
