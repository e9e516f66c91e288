"""One unit to be made: what is wanted, what is at hand, and what a step is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from provision.bundle.bundle import Bundle
from provision.host.facts import MODEL, Facts
from provision.host.machine import Machine
from provision.host.site import Broker, Site
from provision.network.wanted import Network
from wire.words import Words

CONFIG = "/etc/xunkong/device.toml"
STATE = "/var/lib/xunkong/device"
IDENTITY = f"{STATE}/identity"
CURRENT = "/opt/xunkong/current"
USER = "xunkong-device"
XUNKONG = f"{CURRENT}/bin/xunkong"


class Wish(Struct, frozen=True):
    """The unit as it is wanted. `parts`: sections of device.toml that differ from the builder's book.

    `model_file`, `boot_folder`: where the machine says what board it is, and where its firmware reads.
    `test_again`: a self-test though nothing changed. `keys_only`: no more log-in by password.
    `replace`: another box that has this name is put out. `release_key`: whose signature makes a release count
    (PEM); None: as the site has it. `network`: beside Ethernet; None: nothing.
    """

    unit: str
    role: str
    zone: str
    brokers: tuple[Broker, ...]
    parts: dict[str, Any] = field(default_factory=dict)
    model_file: str = MODEL
    boot_folder: str = "/boot/firmware"
    test_again: bool = False
    keys_only: bool = False
    replace: bool = False
    release_key: bytes | None = None
    network: Network | None = None


class Job:
    """`facts` are those of the last time they were asked; `say` shows a step's progress in percent.

    `started_s`: when we last started the unit's service (monotonic); None: it was left running.
    """

    def __init__(self, machine: Machine, wish: Wish, bundle: Bundle, site: Site) -> None:
        self.machine, self.wish, self.bundle, self.site = machine, wish, bundle, site
        self.facts: Facts | None = None
        self.say: Callable[[int], None] = lambda percent: None
        self.report: dict[str, Any] = {}
        self.started_s: float | None = None

    @property
    def known(self) -> Facts:
        """The facts, once they were asked."""
        assert self.facts is not None
        return self.facts

    @property
    def carried(self) -> str:
        """Where the bundle lies on the machine, below the home of who logs in."""
        return f"xunkong-{self.bundle.sha256[:16]}.zip"


class Done(Struct, frozen=True):
    """How a step ended: whether it changed something, and a line about it for people."""

    changed: bool
    words: Words


class Step(Struct, frozen=True):
    """One step. `run` finds out what is wanting and does it; `remedy`: what to do when it fails."""

    name: str
    words: Words
    run: Callable[[Job], Done]
    remedy: Words


def done(changed: bool, zh: str, en: str) -> Done:
    """How a step ended."""
    return Done(changed, Words(zh, en))


def own(path: Path | str) -> str:
    """A path below the unit's own folder."""
    return f"{STATE}/{path}"
