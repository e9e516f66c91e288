"""What a machine is, asked in one go before anything is changed, and whether it can become what is wanted."""

import time
from collections.abc import Mapping

from msgspec import Struct

from provision.host.machine import Machine, failed, quoted
from provision.kinds import Kind, MadeFor, kind_of
from wire.words import Fault

MODEL = "/proc/device-tree/model"
LEAST_FREE_MB = 400
BOARDS = {
    "Raspberry Pi 5": "pi5",
    "Raspberry Pi Compute Module 5": "pi5",
    "Raspberry Pi 4": "pi4",
    "Raspberry Pi Compute Module 4": "pi4",
    "Raspberry Pi 3": "pi3",
    "Raspberry Pi Zero 2 W": "zero2w",
}
"""The builder's book's name of a board, by how its model begins."""

ARCHES = {"arm64": "aarch64", "amd64": "x86_64"}
SCRIPT = r"""
. /etc/os-release
echo "os=$VERSION_CODENAME"
echo "arch=$(dpkg --print-architecture)"
echo "model=$(tr -d '\0' <MODEL 2>/dev/null)"
echo "serial=$(tr -d '\0' </proc/device-tree/serial-number 2>/dev/null || cat /etc/machine-id)"
echo "python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)"
echo "free_mb=$(df -Pm / | awk 'NR == 2 {print $4}')"
echo "now=$(date +%s)"
echo "steered=$(timedatectl show -p NTPSynchronized --value 2>/dev/null)"
echo "boot=$(cat /proc/sys/kernel/random/boot_id)"
echo "slot=$(readlink /opt/xunkong/current)"
echo "software=$(cat /opt/xunkong/current/bundle 2>/dev/null)"
echo "version=$(/opt/xunkong/current/bin/xunkong --version 2>/dev/null | cut -d' ' -f2)"
echo "packages=$(dpkg-query -W -f='${db:Status-Abbrev}${Package};')"
echo "reboot=$(test -e /run/xunkong-due/reboot && echo yes)"
echo "network=$(for one in NetworkManager systemd-networkd dhcpcd networking; do
    systemctl -q is-active $one && printf '%s ' $one; done)"
echo "readers=$(ls /dev/serial/by-id/ 2>/dev/null | tr '\n' ' ')"
"""


class Facts(Struct, frozen=True):
    """`board`: the builder's book's name; None where the book has none. `behind_s`: its clock, against ours.

    `slot`, `software`, `version`: what `/opt/xunkong/current` is, None where nothing is installed or it came
    from elsewhere than a bundle. `boot_id`: another one after each start. `network`: the services that run its
    links, of those that are known.
    """

    os: str
    arch: str
    model: str
    board: str | None
    serial: str
    python: str
    free_mb: int
    behind_s: float
    steered: bool
    boot_id: str
    slot: str | None
    software: str | None
    version: str | None
    packages: tuple[str, ...]
    reboot_due: bool
    readers: tuple[str, ...]
    network: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Which bundles are for it. Raises `Fault`."""
        return kind_of(self.os, self.arch)


def ask_facts(machine: Machine, model_file: str = MODEL) -> Facts:
    """Raises `Fault` where the machine does not answer as a Debian does."""
    began_s = time.time()
    answer = machine.ask(f"sh -c {quoted(SCRIPT.replace('MODEL', quoted(model_file)))}")
    if not answer.good:
        raise failed("facts", answer.err)
    middle_s = (began_s + time.time()) / 2
    return read_facts(answer.out, middle_s)


def read_facts(said: str, now_s: float) -> Facts:
    """What the script said, when our clock was `now_s` (UTC). Raises `Fault`."""
    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    try:
        return _facts(found, now_s)
    except (KeyError, ValueError) as exc:
        raise Fault(
            f"机器的回答看不懂：{exc}；它是 Debian 或 Raspberry Pi OS 吗？",
            f"the machine's answer is not understood: {exc}; is it a Debian or Raspberry Pi OS?",
        ) from exc


def _facts(found: Mapping[str, str], now_s: float) -> Facts:
    return Facts(
        os=found["os"],
        arch=ARCHES.get(found["arch"], found["arch"]),
        model=found["model"],
        board=board_of(found["model"]),
        serial=found["serial"],
        python=found["python"],
        free_mb=int(found["free_mb"]),
        behind_s=round(now_s - int(found["now"]), 1),
        steered=found["steered"] == "yes",
        boot_id=found["boot"],
        slot=found["slot"] or None,
        software=found["software"] or None,
        version=found["version"] or None,
        packages=_installed(found["packages"]),
        reboot_due=found["reboot"] == "yes",
        readers=tuple(found["readers"].split()),
        network=tuple(found["network"].split()),
    )


def _installed(said: str) -> tuple[str, ...]:
    """The packages that dpkg calls installed, in its list of states and names."""
    return tuple(one[3:] for one in said.split(";") if one.startswith("ii "))


def board_of(model: str) -> str | None:
    """The board that a device tree's `model` names."""
    return next((board for start, board in BOARDS.items() if model.startswith(start)), None)


def check_fit(facts: Facts, kind: Kind, made_for: MadeFor = "unit") -> None:
    """Raises `Fault` for a machine that cannot become that with a bundle for another `kind`, or at all."""
    if facts.kind != kind:
        raise Fault(
            f"此机器为 {facts.kind}，部署包为 {kind}；请制作：{facts.kind.how_to_bundle(made_for)}",
            f"this machine is {facts.kind}, the bundle is for {kind}; make the right one: "
            f"{facts.kind.how_to_bundle(made_for)}",
        )
    if facts.python != kind.python:
        raise Fault(
            f"此机器的 Python 为 {facts.python or '无'}，应为 {kind.python}；请重新烧录系统",
            f"this machine's Python is {facts.python or 'missing'}, not {kind.python}; flash it anew",
        )
    if facts.free_mb < LEAST_FREE_MB:
        raise Fault(
            f"剩余空间 {facts.free_mb} MB，至少需要 {LEAST_FREE_MB} MB；请扩展分区或换更大的卡",
            f"{facts.free_mb} MB are free, {LEAST_FREE_MB} MB are needed; expand the partition or use a larger card",
        )
