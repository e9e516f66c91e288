"""A Pi with a Pi's own processor, emulated: from bare sshd to a tap at the platform, and the same again."""

from collections.abc import Iterator

import pytest

from sim.broker import find_mosquitto
from tests.virtual_pi.depot import Depot, depot, flashed
from tests.virtual_pi.emulated import lacks_emulator, spare_namespaces
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.reboot import left_on
from tests.virtual_pi.root import debian_root
from tests.virtual_pi.yard import Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(5400)]
EMULATED_S = 1800.0
BY_ROOT = ("--user", "root")
"""An emulated sudo has no rights: the kernel gives them to the emulator's file, which is nobody's to raise."""


@pytest.fixture(scope="module")
def home(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    why = lacks_emulator("arm64") or (find_mosquitto() is None and "there is no mosquitto")
    if why:
        pytest.skip(why)
    with depot(tmp_path_factory.mktemp("depot"), yard, "bookworm", "aarch64") as made:
        yield made


@pytest.fixture(scope="module")
def pi(home: Depot, yard: Yard) -> Iterator[Pi]:
    made = flashed(yard.pi("arm1", debian_root("bookworm", "arm64"), home.parts.binds))
    spare_namespaces(made.tree)
    with left_on(made.power_on()):
        yield made


def test_from_bare_sshd_to_a_tap_at_the_platform(home: Depot, pi: Pi) -> None:
    assert pi.run("uname -m").strip() == "aarch64"
    code, report = home.provision(pi, "arm-1", *BY_ROOT, most_s=EMULATED_S)
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    assert home.tapped("arm-1")["source"] == "/units/arm-1"
    assert "xunkong" not in pi.run("systemctl --failed --no-legend --plain")
    assert pi.tries("journalctl -u xunkong-device -o cat | grep -q 'gps: ok'")


def test_a_second_run_changes_nothing(home: Depot, pi: Pi) -> None:
    code, report = home.provision(pi, "arm-1", *BY_ROOT, most_s=EMULATED_S)
    assert (code, report["changed"], report["done"]) == (0, [], True), report["steps"]
