"""A card for Raspberry Pi OS 13: a trixie with the real cloud-init makes itself a unit, and nobody logs in."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.bundle.debs import Apt
from provision.bundle.sources import sources_for
from provision.kinds import kind_of
from sim.broker import find_mosquitto
from sim.city import wait_for
from tests.virtual_pi.depot import WAIT_S, Depot, depot, flashed, reported
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.reboot import left_on
from tests.virtual_pi.root import debian_root
from tests.virtual_pi.yard import Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(1800)]

IMAGES = "datasource_list: [NoCloud, None]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n"
"""How the image has cloud-init look at the boot partition (pi-gen, stage2/04-cloud-init)."""


@pytest.fixture(scope="module")
def home(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with depot(tmp_path_factory.mktemp("depot"), yard, "trixie") as made:
        yield made


def with_cloud_init(pi: Pi, scratch: Path) -> Path:
    """The card of `pi`, without power, as the image has it; its boot partition."""
    apt = Apt(scratch / "apt", kind_of("trixie", "x86_64"), sources_for("trixie"))
    apt.update()
    apt.download(apt.lacking(("cloud-init",)), scratch / "debs")
    shutil.copytree(scratch / "debs", pi.tree / "var/tmp/debs")
    install = "DEBIAN_FRONTEND=noninteractive dpkg --force-depends --install /var/tmp/debs/*.deb"
    subprocess.run(["chroot", pi.tree, "sh", "-c", install], check=True, capture_output=True)
    (pi.tree / "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg").write_text(IMAGES, "utf-8")
    boot = pi.tree / "boot/firmware"
    (boot / "kernel8.img").touch()
    (boot / "user-data").write_text("#cloud-config\n", "utf-8")
    for name in ("meta-data", "network-config"):
        (boot / name).touch()
    return boot


def known_again(pi: Pi) -> None:
    """cloud-init makes host keys anew."""
    key = (pi.tree / "etc/ssh/ssh_host_ed25519_key.pub").read_text("utf-8")
    pi.known_hosts.write_text(f"{pi.address} {key}", "utf-8")


def test_a_card_makes_its_machine_a_unit(home: Depot, yard: Yard, tmp_path: Path) -> None:
    pi = flashed(yard.pi("cp6", debian_root("trixie")))
    boot = with_cloud_init(pi, tmp_path)
    code, written = reported(home.card_words(pi, "cp-6"))
    assert (code, written["os"]) == (0, "trixie"), written
    assert "user-data" in written["writes"]
    pi.spark()
    with left_on(pi):
        assert wait_for(lambda: (row := home.row("cp-6")) and row.online, 3 * WAIT_S), pi.shown()
        assert wait_for(lambda: not (boot / "xunkong/unit.json").exists(), WAIT_S), pi.shown()
        told = json.loads((boot / "xunkong/cp-6.json").read_text("utf-8"))
        assert told["done"], told["steps"][-1]
        known_again(pi)
        assert "status: done" in pi.run("cloud-init status --wait || true")
        assert pi.run("hostname").strip() == "cp-6"
        assert pi.run("ls /boot/firmware/xunkong").split() == ["cp-6.html", "cp-6.json"]
        assert pi.run("systemctl --failed --no-legend --plain") == ""
        assert "passwordauthentication no" in pi.run("sshd -T")
        pi.shut_down()
