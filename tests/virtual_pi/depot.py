"""What a technician brings to a virtual Pi: a bundle that was made once, a gateway with broker, and the command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.config import load
from gateway.fleet.broker_folder import now_ms
from gateway.lookup import UnitRow, unit_rows
from gateway.site import lay_out
from gateway.store.open import open_store
from sim.broker import SiteBroker, free_ports
from sim.city import wait_for
from sim.program import Program
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.yard import Yard

WAIT_S = 60.0
MODEL = "/opt/board/model"
CONFIG_TXT = "dtparam=audio=on\n[all]\n"
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1 rootwait\n"


class Depot:
    """`folder` holds the site and the reports. The gateway is reached at the yard's own address."""

    def __init__(self, folder: Path, yard: Yard, bundle: Path) -> None:
        self.folder, self.yard, self.bundle = folder, yard, bundle
        self.site = folder / "site"
        lay_out(self.site, [yard.host], free_ports(3))
        self.toml = self.site / "gateway.toml"
        self.broker = SiteBroker(self.toml)
        self.log = folder / "gateway.log"
        self.gateway = Program(["gateway", "run", "--config", str(self.toml)], self.log)
        (folder / "parts.toml").write_text('[panel]\nkind = "none"\n[nfc]\n', "utf-8")

    def __enter__(self) -> "Depot":
        self.broker.start()
        self.gateway.start()
        assert wait_for(lambda: "connected to broker" in self.log.read_text("utf-8"), WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()
        self.broker.stop()

    def words(self, pi: Pi, unit: str, *more: str | Path) -> list[str]:
        """The whole command that makes `pi` the checkpoint `unit`."""
        words = ["provision", "host", pi.address, "--unit", unit, "--role", "checkpoint"]
        words += ["--gateway", self.toml, "--bundle", self.bundle, "--user", "pi"]
        words += ["--key", pi.place.key, "--known-hosts", pi.known_hosts, "--model-file", MODEL]
        words += ["--parts", self.folder / "parts.toml", "--report", self.folder, "--json", *more]
        return [sys.executable, "-m", "xunkong", *map(str, words)]

    def provision(self, pi: Pi, unit: str, *more: str | Path) -> tuple[int, dict[str, Any]]:
        """Runs it; its exit code, and its report."""
        done = subprocess.run(
            self.words(pi, unit, *more), capture_output=True, text=True, timeout=600, check=False
        )
        lines = done.stdout.splitlines()
        assert lines, done.stderr
        return done.returncode, json.loads(lines[-1])

    def row(self, unit: str) -> UnitRow | None:
        """The unit as the gateway sees it."""
        store = open_store(load(self.toml).store.url)
        try:
            return {row.unit: row for row in unit_rows(store, now_ms())}.get(unit)
        finally:
            store.close()


def flashed(pi: Pi) -> Pi:
    """A card as Raspberry Pi Imager leaves it: user pi with sudo, the yard's key, a boot partition; no power yet."""
    run_in = ["chroot", str(pi.tree)]
    subprocess.run([*run_in, "useradd", "-m", "-s", "/bin/bash", "pi"], check=True)
    (pi.tree / "etc/sudoers.d/010_pi").write_text("pi ALL=(ALL) NOPASSWD: ALL\n", "utf-8")
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
def depot(folder: Path, yard: Yard, release: str) -> Iterator[Depot]:
    """One whose bundle is for this processor and Debian `release`; making it takes half a minute."""
    bundle = folder / f"{release}.zip"
    words = ["provision", "bundle", "--arch", "x86_64", "--os", release, "--to", str(bundle)]
    subprocess.run([sys.executable, "-m", "xunkong", *words], check=True, timeout=600)
    with Depot(folder, yard, bundle) as made:
        yield made
