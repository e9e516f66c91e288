"""What a technician brings to a virtual Pi: a bundle that was made once, a gateway with broker, and the command."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.config import load
from gateway.fleet.broker_folder import now_ms
from gateway.lookup import UnitRow, unit_rows
from gateway.site import lay_out
from gateway.store.open import open_store
from hardware.gps.synthetic import drive
from provision.kinds import MadeFor
from sim.broker import SiteBroker, free_port, free_ports
from sim.city import wait_for
from sim.program import Program
from tests.virtual_pi.parts import Parts
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.yard import Yard

WAIT_S = 180.0
MOST_S = 600.0
BADGE = "04a1b2c3d4e5f6"
UNIT_CONFIG = f"""
checkpoint = "east-gate"
[[place]]
id = "east-gate"
name = "east"
lat = 27.2418
lon = 111.4725
radius_m = 50
[[badge]]
uid = "{BADGE}"
person = "p-1"
role = "officer"
valid_from = 2026-01-01T00:00:00+08:00
"""
SINK = """
[[sink]]
kind = "cloudevents"
url = "http://127.0.0.1:{port}/events"
"""

PASSWORD = "raspberry"
MODEL = "/opt/board/model"
CONFIG_TXT = "dtparam=audio=on\n[all]\n"
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1 rootwait\n"


class Depot:
    """`folder` holds the site and the reports. The gateway is reached at the yard's own address; a platform's
    stand-in has what it forwards."""

    def __init__(self, folder: Path, yard: Yard, bundle: Path) -> None:
        self.folder, self.yard, self.bundle = folder, yard, bundle
        self.site = folder / "site"
        lay_out(self.site, [yard.host], free_ports(3))
        self.toml = self.site / "gateway.toml"
        port, self._events = free_port(), folder / "platform.jsonl"
        with self.toml.open("a", encoding="utf-8") as toml:
            toml.write(SINK.format(port=port))
        platform = ["sim", "platform", "--port", str(port), "--store", str(self._events)]
        self.platform = Program(platform, folder / "platform.log")
        self.broker = SiteBroker(self.toml)
        self.log = folder / "gateway.log"
        self.gateway = Program(["gateway", "run", "--config", str(self.toml)], self.log)
        wired = '[panel]\nkind = "none"\n[gps]\nport = "/dev/ttyAMA0"\n'
        (folder / "wired.toml").write_text(wired, "utf-8")
        (folder / "bare.toml").write_text('[panel]\nkind = "none"\n[nfc]\n', "utf-8")
        stream = b"".join(drive(time.time_ns() // 1_000_000, 3600, seed=1))
        self.parts = Parts(stream, folder)

    def __enter__(self) -> "Depot":
        self.parts.__enter__()
        self.broker.start()
        self.platform.start().first_line()
        self.gateway.start()
        assert wait_for(lambda: "connected to broker" in self.log.read_text("utf-8"), WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()
        self.platform.stop()
        self.broker.stop()
        self.parts.__exit__()

    @property
    def release(self) -> str:
        """The Debian release that its bundle is for."""
        return self.bundle.name.split("-")[1]

    def differs(self, pi: Pi) -> Path:
        """What differs from the book: no panel; a receiver beside the reader, or no reader where none is wired."""
        return self.folder / ("wired.toml" if pi.binds else "bare.toml")

    def words(self, pi: Pi, unit: str, *more: str | Path) -> list[str]:
        """The whole command that makes `pi` the checkpoint `unit`."""
        words = ["provision", "host", pi.address, "--unit", unit, "--role", "checkpoint"]
        words += ["--gateway", self.toml, "--bundle", self.bundle, "--user", "pi"]
        words += ["--key", pi.place.key, "--known-hosts", pi.known_hosts, "--model-file", MODEL]
        words += ["--parts", self.differs(pi), "--report", self.folder, "--json", *more]
        return [sys.executable, "-m", "xunkong", *map(str, words)]

    def by_code(self, pi: Pi, unit: str) -> list[str]:
        """The same without the gateway's folder, as elsewhere: with its authority and a code from standard input."""
        words = self.words(pi, unit, "--ca", self.site / "keys/ca.crt", "--code", "-")
        at = words.index("--gateway")
        units_port = str(self.broker.port)
        return [*words[:at], *words[at + 2 :], "--broker", f"{self.yard.host}:{units_port}"]

    def card_words(self, pi: Pi, unit: str) -> list[str]:
        """The command that writes the card of `pi`, without power, so that it makes itself the checkpoint `unit`."""
        words = [
            "provision",
            "sd",
            pi.tree / "boot/firmware",
            "--unit",
            unit,
            "--role",
            "checkpoint",
        ]
        words += ["--gateway", self.toml, "--bundle", self.bundle, "--parts", self.differs(pi)]
        words += ["--ssh-key", pi.place.key.with_suffix(".pub"), "--model-file", MODEL, "--json"]
        return [sys.executable, "-m", "xunkong", *map(str, words)]

    def provision(
        self, pi: Pi, unit: str, *more: str | Path, most_s: float = MOST_S
    ) -> tuple[int, dict[str, Any]]:
        """Runs it; its exit code, and its report."""
        return reported(self.words(pi, unit, *more), most_s=most_s)

    def fleet(self, known: Path, key: Path) -> list[dict[str, Any]]:
        """What came of each machine of `fleet.csv`, as it ended; one of them cannot be made."""
        words = ["provision", "fleet", self.folder / "fleet.csv", "--gateway", self.toml]
        words += ["--bundle", self.bundle, "--key", key, "--ask-password", "--parallel", "3"]
        words += ["--known-hosts", known, "--model-file", MODEL, "--report", self.folder]
        command = [sys.executable, "-m", "xunkong", *map(str, words), "--json"]
        said = f"{PASSWORD}\n"
        done = subprocess.run(
            command, input=said, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 1, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def gateway_says(self, *words: str) -> list[dict[str, Any]]:
        """What a command of the gateway's says."""
        command = [sys.executable, "-m", "xunkong", "gateway", *words]
        command += ["--config", str(self.toml), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def tapped(self, unit: str) -> dict[str, Any]:
        """What the platform has of a tap at the reader of `unit`, which gets its configuration first."""
        config = self.folder / "unit.toml"
        config.write_text(UNIT_CONFIG, "utf-8")
        self.gateway_says("config", "push", "--unit", unit, str(config))
        assert wait_for(lambda: (row := self.row(unit)) and row.config == 1, WAIT_S)
        self.parts.reader.present(BADGE)
        try:
            assert wait_for(lambda: bool(self._checkins()), WAIT_S)
        finally:
            self.parts.reader.remove()
        return self._checkins()[0]

    def _checkins(self) -> list[dict[str, Any]]:
        lines = self._events.read_text("utf-8").splitlines() if self._events.exists() else ()
        events = [json.loads(line)["event"] for line in lines]
        return [one for one in events if one["type"] == "cn.xunkong.checkin.v1"]

    def row(self, unit: str) -> UnitRow | None:
        """The unit as the gateway sees it."""
        store = open_store(load(self.toml).store.url)
        try:
            return {row.unit: row for row in unit_rows(store, now_ms())}.get(unit)
        finally:
            store.close()


def reported(
    words: list[str], stdin: str = "", most_s: float = MOST_S
) -> tuple[int, dict[str, Any]]:
    """Runs a command; its exit code, and the object in its last line."""
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=most_s, check=False
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    return done.returncode, json.loads(lines[-1])


def flashed(pi: Pi, sudo: str = "NOPASSWD: ALL") -> Pi:
    """A card as Raspberry Pi Imager leaves it: user pi with sudo, the yard's key, a boot partition; no power yet."""
    run_in = ["chroot", str(pi.tree)]
    subprocess.run([*run_in, "useradd", "-m", "-s", "/bin/bash", "pi"], check=True)
    (pi.tree / "etc/sudoers.d/010_pi").write_text(f"pi ALL=(ALL) {sudo}\n", "utf-8")
    said = f"pi:{PASSWORD}"
    subprocess.run([*run_in, "chpasswd"], input=said, text=True, check=True)
    pi.let_in("pi")
    subprocess.run([*run_in, "chown", "-R", "pi:pi", "/home/pi"], check=True)
    boot = pi.tree / "boot/firmware"
    boot.mkdir(parents=True)
    (boot / "config.txt").write_text(CONFIG_TXT, "utf-8")
    (boot / "cmdline.txt").write_text(CMDLINE, "utf-8")
    model = pi.tree / MODEL.removeprefix("/")
    model.parent.mkdir()
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    return pi


@contextmanager
def depot(folder: Path, yard: Yard, release: str, arch: str = "x86_64") -> Iterator[Depot]:
    """One with a bundle for Debian `release` on processors of `arch`; making it takes half a minute."""
    with Depot(folder, yard, make_bundle(folder, release, arch)) as made:
        yield made


def make_bundle(
    folder: Path, release: str, arch: str = "x86_64", made_for: MadeFor = "unit"
) -> Path:
    """A bundle for Debian `release` on processors of `arch`."""
    bundle = folder / f"{made_for}-{release}-{arch}.zip"
    words = ["provision", "bundle", "--for", made_for, "--arch", arch, "--os", release]
    words += ["--to", str(bundle)]
    subprocess.run([sys.executable, "-m", "xunkong", *words], check=True, timeout=600)
    return bundle
