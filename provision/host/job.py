"""One machine to be made: what is wanted, what is at hand, and what a step is."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from provision.bundle.bundle import Bundle
from provision.host.facts import MODEL, Facts
from provision.host.machine import Machine
from provision.host.site import Broker, Site
from provision.kinds import MadeFor
from provision.network.wanted import Network, packages_of
from wire.words import Words

CONFIG = "/etc/xunkong/device.toml"
STATE = "/var/lib/xunkong/device"
IDENTITY = f"{STATE}/identity"
CURRENT = "/opt/xunkong/current"
USER = "xunkong-device"
XUNKONG = f"{CURRENT}/bin/xunkong"
PASSED = "/var/lib/xunkong/provisioned.json"
"""The self-test that counts; without it the unit is tested, and started anew, once more."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A machine as it is wanted. `zone`: in which its people see times (IANA name).

    `model_file`: where the machine says what board it is. `keys_only`: no more log-in by password.
    `release_key`: whose signature makes a release count (PEM); None: as the site has it.
    """

    zone: str
    model_file: str = MODEL
    keys_only: bool = False
    release_key: bytes | None = None


class Wish(Wanted, frozen=True, kw_only=True):
    """A unit as it is wanted. `parts`: sections of device.toml that differ from the builder's book.

    `boot_folder`: where the machine's firmware reads. `test_again`: a self-test though nothing changed.
    `replace`: another box that has this name is put out. `rename`: this box may have another one now.
    `network`: beside Ethernet; None: nothing.
    """

    unit: str
    role: str
    brokers: tuple[Broker, ...]
    parts: dict[str, Any] = field(default_factory=dict)
    boot_folder: str = "/boot/firmware"
    test_again: bool = False
    replace: bool = False
    rename: bool = False
    network: Network | None = None


class Trade(Struct, frozen=True):
    """What a machine is made into. `room`: the part of the command that runs on it.

    `config`: its own configuration; `other`: that of a machine that is something else. `services`: started last.
    `strangers`: files of systemd's in the bundle that are not for it. `account`: its sysusers.d and tmpfiles.d.
    `user`, `home`: there once those are done. `folders`: the shell's words that make what they leave out.
    `owner`: whose the software is.
    """

    made_for: MadeFor
    room: str
    config: str
    other: str
    services: tuple[str, ...]
    strangers: re.Pattern[str]
    account: str
    user: str
    home: str
    folders: str
    owner: str


UNIT = Trade(
    made_for="unit",
    room="device",
    config=CONFIG,
    other="/etc/xunkong/gateway.toml",
    services=("xunkong-device.service",),
    strangers=re.compile(
        r"gateway|mosquitto|broker|ingest|forward|authority|backup|retain|console"
    ),
    account="xunkong-device.conf",
    user=USER,
    home=STATE,
    folders=f"install -d -o {USER} -g {USER} -m 0700 {STATE}",
    owner="xunkong-update",
)


class Work:
    """`facts` are those of the last time they were asked; `say` shows a step's progress in percent."""

    def __init__(self, machine: Machine, trade: Trade, wish: Wanted, bundle: Bundle) -> None:
        self.machine, self.trade, self.wish, self.bundle = machine, trade, wish, bundle
        self.facts: Facts | None = None
        self.say: Callable[[int], None] = lambda percent: None
        self.report: dict[str, Any] = {"zone": wish.zone}

    @property
    def known(self) -> Facts:
        """The facts, once they were asked."""
        assert self.facts is not None
        return self.facts

    @property
    def carried(self) -> str:
        """Where the bundle lies on the machine, below the home of who logs in."""
        return f"xunkong-{self.bundle.sha256[:16]}.zip"

    @property
    def packages(self) -> tuple[str, ...]:
        """The Debian packages that it is to have."""
        return self.bundle.manifest.packages


class Job(Work):
    """A unit. `started_s`: when we last started its service (monotonic); None: it was left running."""

    wish: Wish

    def __init__(self, machine: Machine, wish: Wish, bundle: Bundle, site: Site) -> None:
        super().__init__(machine, UNIT, wish, bundle)
        self.site = site
        self.started_s: float | None = None
        self.report |= {"unit": wish.unit, "role": wish.role}
        self.report["brokers"] = [f"{one.host}:{one.port}" for one in wish.brokers]
        self.report["lacks"] = [
            name for name, one in wish.parts.items() if not one or one.get("kind") == "none"
        ]

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of its network too."""
        return (*self.bundle.manifest.packages, *packages_of(self.wish.network))


class Done(Struct, frozen=True):
    """How a step ended: whether it changed something, and a line about it for people."""

    changed: bool
    words: Words


AnyWork = TypeVar("AnyWork", bound=Work)
Work_contra = TypeVar("Work_contra", bound=Work, contravariant=True)


class Step(Struct, Generic[Work_contra], frozen=True):
    """One step. `run` finds out what is wanting and does it; `remedy`: what to do when it fails."""

    name: str
    words: Words
    run: Callable[[Work_contra], Done]
    remedy: Words


def done(changed: bool, zh: str, en: str) -> Done:
    """How a step ended."""
    return Done(changed, Words(zh, en))


def own(path: Path | str) -> str:
    """A path below the unit's own folder."""
    return f"{STATE}/{path}"
