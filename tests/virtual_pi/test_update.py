"""Updates of a unit on duty: one that the power cuts in the middle, one that cannot start and is left again; and
patches of its operating system, cut in the middle too.
"""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.releases import keys
from provision.kinds import Kind
from sim.broker import find_mosquitto
from sim.city import wait_for
from tests.patches import make_deb, make_patches
from tests.releases import raised
from tests.virtual_pi.depot import Depot, depot, flashed
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.reboot import left_on
from tests.virtual_pi.root import debian_root
from tests.virtual_pi.yard import Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(2400)]

MOST_S = 600.0
OFTEN = "/etc/systemd/system/xunkong-device.service.d/often.conf"
"""Updates follow each other here as nowhere else; what is started so often is no unit that cannot start."""
SWIFT = "\n[update]\nlink_pct = 100\nquiet_s = 15\ntrial_s = 120\n"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def home(
    yard: Yard, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Depot]:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with depot(tmp_path_factory.mktemp("depot"), yard, request.param) as made:
        keys.make(made.site)
        with (made.folder / "bare.toml").open("a", encoding="utf-8") as parts:
            parts.write(SWIFT)
        yield made


@pytest.fixture(scope="module")
def pi(yard: Yard, home: Depot) -> Iterator[Pi]:
    """On duty as `cp-1`."""
    made = flashed(yard.pi(f"on-{home.release[:4]}", debian_root(home.release))).power_on()
    with left_on(made):
        code, report = home.provision(made, "cp-1")
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    made.run(f"printf '[Unit]\\nStartLimitBurst=50\\n' >{OFTEN} && systemctl daemon-reload")
    yield made
    made.power_cut()


def xunkong(*words: object) -> tuple[int, list[dict[str, Any]]]:
    """What a command printed, row by row."""
    command = [sys.executable, "-m", "xunkong", *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def publish(home: Depot, version: str, without: tuple[str, ...] = ()) -> None:
    """The software of the bundle under another version; what `without` names is not in it."""
    wheels = home.folder / version
    with zipfile.ZipFile(home.bundle) as bundle:
        for name in bundle.namelist():
            if name.startswith("wheels/"):
                bundle.extract(name, wheels)
    (own,) = (wheels / "wheels").glob("xunkong-*.whl")
    raised(own, version, wheels / "wheels", without)
    own.unlink()
    file = home.folder / f"{version}.release"
    machine = ("--arch", "x86_64", "--os", home.release)
    xunkong("release", "build", file, "--wheels", wheels / "wheels", *machine)
    xunkong("release", "sign", file, "--key", home.site / keys.SECRET)
    xunkong("release", "publish", file, "--config", home.toml)


def fleet(home: Depot, *words: str) -> tuple[int, list[dict[str, Any]]]:
    return xunkong("fleet", *words, "--config", home.toml)


def is_over(home: Depot) -> bool:
    return fleet(home, "status")[1][0]["state"] not in ("running", "leaving")


def half_installed(pi: Pi) -> bool:
    """Whether the idle slot is being written this moment."""
    return (pi.tree / "opt/xunkong/slots/b.wheels").exists()


def test_the_power_goes_while_it_is_installed_and_it_goes_on(home: Depot, pi: Pi) -> None:
    publish(home, "0.2.0")
    fleet(home, "update", "--version", "0.2.0")
    assert wait_for(lambda: half_installed(pi), MOST_S), fleet(home, "status")
    pi.power_cut()
    slot: Path = pi.tree / "opt/xunkong/current"
    assert slot.readlink() == Path("slots/a")
    pi.power_on()
    assert pi.run("systemctl is-active xunkong-device").strip() == "active"
    assert wait_for(lambda: is_over(home), MOST_S), fleet(home, "status")
    summary, row = fleet(home, "status")[1]
    assert (summary["state"], summary["done"], row["version"]) == ("done", 1, "0.2.0")
    assert pi.run("readlink /opt/xunkong/current").strip() == "slots/b"
    assert pi.run("systemctl --failed --no-legend --plain") == ""


def test_the_whole_fleet_goes_back(home: Depot, pi: Pi) -> None:
    fleet(home, "rollback")
    assert wait_for(lambda: is_over(home), MOST_S), fleet(home, "status")
    summary, row = fleet(home, "status")[1]
    assert (summary["state"], row["stage"], row["version"]) == ("left", "back", "0.1.0")
    assert pi.run("readlink /opt/xunkong/current").strip() == "slots/a"


def test_what_is_on_its_way_is_left_before_it_runs(home: Depot, pi: Pi) -> None:
    publish(home, "0.3.0", without=("device/runner.py",))
    fleet(home, "update", "--version", "0.3.0")
    assert wait_for(lambda: half_installed(pi), MOST_S), fleet(home, "status")
    fleet(home, "rollback")
    assert wait_for(lambda: is_over(home), MOST_S), fleet(home, "status")
    summary, row = fleet(home, "status")[1]
    assert (summary["state"], row["stage"], row["version"]) == ("left", "back", "0.1.0")
    assert pi.run("readlink /opt/xunkong/current").strip() == "slots/a"


def test_a_software_that_cannot_start_is_left_and_the_roll_out_stops(home: Depot, pi: Pi) -> None:
    fleet(home, "update", "--version", "0.3.0", "--limit", "0")
    assert wait_for(lambda: is_over(home), MOST_S), fleet(home, "status")
    code, (summary, row) = fleet(home, "status")
    assert (code, summary["state"], row["version"]) == (1, "stopped", "0.1.0")
    assert row["why"] == "started 2 times without proving itself"
    assert pi.run("readlink /opt/xunkong/current").strip() == "slots/a"
    assert pi.run("systemctl is-active xunkong-device").strip() == "active"


HALF = "var/lib/half"
SLOW = f"[ -e /{HALF} ] || {{ touch /{HALF}; sync /{HALF}; sleep 600; }}"


def test_patches_are_put_in_by_root_through_a_power_cut_and_proven(home: Depot, pi: Pi) -> None:
    pi.put(make_deb(home.folder, "lamp", "1.0"), into="/root")
    pi.run("dpkg --install /root/lamp_1.0_all.deb")
    key = keys.read(home.site / keys.SECRET)
    newer = make_deb(home.folder, "lamp", "1.1", scripts={"postinst": SLOW})
    path = make_patches(home.folder / "patches", key, [newer], kind=Kind(home.release, "x86_64"))
    xunkong("release", "publish", path, "--config", home.toml)
    assert wait_for(lambda: fleet(home, "status")[1][-1]["patches"] == "0.0", MOST_S)
    fleet(home, "update", "--version", "2026.11.28")
    assert wait_for((pi.tree / HALF).exists, MOST_S), fleet(home, "status")
    pi.power_cut()
    pi.power_on()
    with left_on(pi):
        assert wait_for(lambda: is_over(home), MOST_S), fleet(home, "status")
        summary, row = fleet(home, "status")[1]
        assert (summary["kind"], summary["state"], summary["done"]) == ("patches", "done", 1)
        assert (row["why"], row["patches"]) == ("lamp 1.0 to 1.1", "2026.11.28")
        assert pi.run("head -n 1 /opt/lamp; dpkg --audit").split() == ["1.1"]
        assert not pi.tries("test -e /run/xunkong-patches/reboot")
        assert pi.run("systemctl --failed --no-legend --plain") == ""
