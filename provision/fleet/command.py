"""What `xunkong provision fleet` does: asks all that is to be asked first, then works without a person."""

import argparse
import json
from collections.abc import Sequence

from provision.fleet.list import Member, read_fleet
from provision.fleet.run import Outcome, run_fleet
from provision.host.command import agreed, site_of, split_port
from provision.host.hostkey import check_host_key
from provision.network.options import NAMES, check_files
from wire.words import Fault, Language, Words

MOST = 50
COLUMN = "host_key"
"""Where a line of the list gives a fingerprint."""
PASSED_ON = (
    *("gateway", "gateway_key", "gateway_host_key", "ca", "release_key", "bundle", "parts"),
    *("zone", "user", "key", "known_hosts", "report"),
)
MACHINE = ("model_file", "boot_folder")
FLAGS = ("ask_password", "dry_run", "test_again", "keys_only")


def provision_fleet(
    args: argparse.Namespace, password: str | None
) -> tuple[list[Outcome], list[Words]]:
    """What became of each, and the lines of the table. Raises `Fault` for what cannot be begun."""
    if not 1 <= args.parallel <= MOST:
        raise Fault(
            f"--parallel {args.parallel}：应在 1 到 {MOST} 之间",
            f"--parallel {args.parallel}: give 1 to {MOST}",
        )
    check_files(args)
    members = read_fleet(args.fleet)
    if args.gateway:
        site_of(args, None)
    unreachable = {}
    for member in members:
        try:
            _meet(args, member)
        except Fault as exc:
            unreachable[member.unit] = Outcome(member, {}, 0.0, (exc.words.zh, exc.words.en))
    for outcome in unreachable.values():
        args.ended(outcome)
    ready = [member for member in members if member.unit not in unreachable]
    ended = run_fleet(
        ready,
        common_words(args),
        "" if password is None else f"{password}\n",
        args.parallel,
        args.ended,
    )
    found = unreachable | {one.member.unit: one for one in ended}
    outcomes = [found[member.unit] for member in members]
    return outcomes, table(outcomes)


def _meet(args: argparse.Namespace, member: Member) -> None:
    """Makes its host known. Raises `Fault`."""
    host, port = split_port(member.host, 22)
    known, given = args.known_hosts, member.host_key
    check_host_key(host, port, known, lambda q, f: agreed(args, q, f, given), COLUMN)


def common_words(args: argparse.Namespace) -> list[str]:
    """The options for all, as `provision host` takes them."""
    words = []
    for name in (*PASSED_ON, *NAMES, *MACHINE):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += [word for broker in args.broker for word in ("--broker", broker)]
    return words + [f"--{name.replace('_', '-')}" for name in FLAGS if getattr(args, name)]


def line(outcome: Outcome) -> Words:
    """One machine's line."""
    member, taken = outcome.member, f"{outcome.duration_s:6.1f} s"
    head = f"{member.unit:<16} {member.host:<22} {taken}  "
    if outcome.why:
        return Words(f"{head}失败：{outcome.why[0]}", f"{head}FAILED: {outcome.why[1]}")
    changed = " ".join(outcome.report.get("changed", []))
    if outcome.report.get("dry_run"):
        return Words(
            f"{head}将改动：{changed or '无'}", f"{head}would change: {changed or 'nothing'}"
        )
    return Words(
        f"{head}在岗；改动：{changed or '无'}", f"{head}on duty; changed: {changed or 'nothing'}"
    )


def table(outcomes: Sequence[Outcome]) -> list[Words]:
    """All lines, and how many are well."""
    good = sum(outcome.why is None for outcome in outcomes)
    count, dry = len(outcomes), any(outcome.report.get("dry_run") for outcome in outcomes)
    again = good < count
    total = Words(
        f"{count} 台中 {good} 台{'可以部署' if dry else '在岗'}"
        + ("；处理后再次运行同一命令" if again else ""),
        f"{good} of {count} {'can be made' if dry else 'on duty'}"
        + ("; mend the others, and run the same command again" if again else ""),
    )
    return [*(line(outcome) for outcome in outcomes), total]


def shown(outcome: Outcome, as_json: bool, language: Language) -> str:
    """As it is printed when the machine ends."""
    return json.dumps(outcome.row(), ensure_ascii=False) if as_json else line(outcome).say(language)
