"""From bare sshd to duty, without internet on the Pi; the same again; and broken off wherever one can."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from provision.host.run import STEPS
from sim.broker import find_mosquitto
from tests.virtual_pi.depot import CMDLINE, CONFIG_TXT, Depot, depot, flashed
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.reboot import left_on
from tests.virtual_pi.root import debian_root
from tests.virtual_pi.yard import Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(1200)]

BROKEN = {
    "carry": "laptop",
    "packages": "laptop",
    "boot": "session",
    "software": "cable",
    "papers": "laptop",
    "services": "session",
}
"""Where a run is broken off, and what is lost: the laptop, the SSH session, the network."""

HANG_UP = 'for p in /proc/[0-9]*; do [ "$(stat -c %U $p)" = pi ] && kill ${p#/proc/}; done; true'
SOON_S = 0.2
"""After which a step is under way; whether it is or has just ended is no matter."""


@pytest.fixture(scope="module")
def home(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with depot(tmp_path_factory.mktemp("depot"), yard, "bookworm") as made:
        yield made


@pytest.fixture(scope="module")
def pi(yard: Yard) -> Iterator[Pi]:
    made = flashed(yard.pi("cp1", debian_root("bookworm"))).power_on()
    with left_on(made):
        yield made


def test_a_dry_run_changes_nothing_and_says_what_it_would(home: Depot, pi: Pi) -> None:
    code, report = home.provision(pi, "cp-1", "--dry-run")
    assert (code, report["done"]) == (0, True), report
    assert {"carry", "packages", "boot", "software", "papers", "services"} <= {*report["changed"]}
    assert not pi.tries("test -e /opt/xunkong || test -e /etc/xunkong")
    assert pi.run("cat /boot/firmware/config.txt") == CONFIG_TXT


def test_from_bare_sshd_to_duty(home: Depot, pi: Pi) -> None:
    code, report = home.provision(pi, "cp-1")
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    assert "restart" in report["changed"]
    row = home.row("cp-1")
    assert row is not None and row.online and row.role == "checkpoint"
    assert pi.run("systemctl --failed --no-legend --plain") == ""
    config = pi.run("cat /boot/firmware/config.txt")
    assert config.startswith(CONFIG_TXT) and "dtoverlay=uart3" in config
    assert pi.run("cat /boot/firmware/config.txt.before-xunkong") == CONFIG_TXT
    assert pi.run("cat /boot/firmware/cmdline.txt") == CMDLINE.replace(
        "console=serial0,115200 ", ""
    )
    assert pi.run("stat -c '%a %U' /var/lib/xunkong/device/identity/unit.pem").split() == [
        "600",
        "xunkong-device",
    ]
    sheet = (home.folder / "cp-1.html").read_text("utf-8")
    assert "cp-1" in sheet and "Raspberry Pi 4" in sheet and "GPIO4" in sheet


def test_a_second_run_changes_nothing(home: Depot, pi: Pi) -> None:
    shown = "systemctl show -P ActiveEnterTimestampMonotonic xunkong-device"
    before = pi.run(shown)
    code, report = home.provision(pi, "cp-1")
    assert (code, report["changed"], report["done"]) == (0, [], True), report["steps"]
    assert pi.run(shown) == before


def test_broken_off_anywhere_it_is_run_again(home: Depot, yard: Yard) -> None:
    """The next run goes on from there; what the broken one left running on the Pi does no harm."""
    other = flashed(yard.pi("cp2", debian_root("bookworm"))).power_on()
    with left_on(other):
        for step, loss in BROKEN.items():
            break_off(home, other, step, loss)
        code, report = home.provision(other, "cp-2")
        assert (code, report["done"]) == (0, True), report["steps"][-1]
        assert home.provision(other, "cp-2")[1]["changed"] == []
    row = home.row("cp-2")
    assert row is not None and row.online
    other.shut_down()


def break_off(home: Depot, pi: Pi, step: str, loss: str) -> None:
    """Soon after the step before has ended. Who is left at the laptop is told to run it again."""
    names = [one.name for one in STEPS]
    before = names[names.index(step) - 1]
    with subprocess.Popen(home.words(pi, "cp-2"), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        lines = iter(run.stdout.readline, "")
        assert any(json.loads(line).get("step") == before for line in lines)
        time.sleep(SOON_S)
        if loss == "laptop":
            run.send_signal(signal.SIGKILL)
            return
        pi.unplug() if loss == "cable" else pi.run(HANG_UP)
        *_, failed, report = [json.loads(line) for line in lines]
        pi.plug()
    assert (failed["result"], report["done"]) == ("failed", False)
    assert "run the same command again" in failed["words"]
