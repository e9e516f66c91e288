"""The rig itself: a Pi boots, is reached, loses power and comes back, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.virtual_pi.command import Failed, run
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.place import groups
from tests.virtual_pi.root import debian_root, made_once
from tests.virtual_pi.yard import MOUNTS, Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def pi(yard: Yard) -> Pi:
    return yard.pi("box", debian_root("bookworm")).power_on()


def test_it_boots_and_is_whole(pi: Pi) -> None:
    assert pi.run("systemctl is-system-running").strip() == "running"
    assert pi.run("hostname").strip() == "box"
    assert pi.run("systemctl --failed --no-legend") == ""


def test_it_reaches_this_machine_and_nothing_beyond(pi: Pi, yard: Yard) -> None:
    assert pi.run("ip -4 route show").split() == [
        *(f"{yard.address(0)}/24", "dev", "eth0", "proto", "kernel"),
        *("scope", "link", "src", pi.address),
    ]
    assert pi.tries(f"timeout 10 bash -c 'exec 3<>/dev/tcp/{pi.address}/22'")
    assert not pi.tries("getent hosts deb.debian.org")


def test_what_is_kept_outlives_a_power_cut_and_what_runs_does_not(pi: Pi) -> None:
    before = pi.run("echo kept >/root/card; sync; cat /proc/sys/kernel/random/boot_id")
    pi.power_cut()
    pi.power_on()
    assert pi.run("cat /root/card").strip() == "kept"
    assert pi.run("cat /proc/sys/kernel/random/boot_id") != before


def test_a_pulled_cable_is_an_error_and_heals(pi: Pi) -> None:
    pi.unplug()
    with pytest.raises(Failed):
        pi.run("true")
    pi.plug()
    pi.run("true")


def test_two_pis_are_two_machines(pi: Pi, yard: Yard) -> None:
    other = yard.pi("other", pi.root).power_on()
    assert other.run("hostname; test ! -e /root/card && echo own").split() == ["other", "own"]
    assert other.tries(f"timeout 10 bash -c 'exec 3<>/dev/tcp/{pi.address}/22'")
    key = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    assert other.run(key) != pi.run(key)
    other.shut_down()
    assert pi.run("systemctl is-system-running").strip() == "running"


def test_nothing_is_left_even_of_a_run_that_was_killed() -> None:
    killed = Yard()
    killed.__enter__()
    pi = killed.pi("gone", debian_root("bookworm"))
    pi.spark()
    bridge = killed.bridge
    assert list(groups(f"{bridge}-*"))
    killed.abandon()
    with Yard() as yard:
        pi.power_cut()
        assert yard.number == killed.number
        assert traces(bridge) == [f"{bridge}:"]
    assert traces(bridge) == []
    assert not yard.folder.exists()


def test_a_root_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    def breaks_off(new: Path) -> None:
        (new / "half").touch()
        raise Failed("make", 1, "no space left")

    with pytest.raises(Failed):
        made_once(tmp_path / "root", breaks_off)
    assert not (tmp_path / "root").exists()
    made_once(tmp_path / "root", lambda new: (new / "whole").touch())
    made_once(tmp_path / "root", breaks_off)
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["whole"]


def traces(bridge: str) -> list[str]:
    """What this machine knows of a yard: its namespaces, links, mounts, control groups."""
    told = run("ip", "netns", "list"), run("ip", "link"), MOUNTS.read_text("utf-8")
    words = [word for text in told for word in text.split() if word.startswith(bridge)]
    return [word for word in words if not word[len(bridge)].isdigit()] + [
        str(path) for path in groups(f"{bridge}-*")
    ]
