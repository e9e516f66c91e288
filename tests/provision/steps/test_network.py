"""Profiles are laid for root alone, once, and taken up without a link being cut; the packages they need come along."""

import subprocess

import pytest

from provision.network.wanted import Modem, Network, Wifi
from provision.steps.boot import REBOOT, with_word
from provision.steps.carry import lacking
from provision.steps.network import KEPT, network
from provision.steps.settings import device_toml
from tests.provision.conftest import facts

WIFI = Network(Wifi("site", "hunter2hunter2", "DE"))
MODEM = Network(modem=Modem("cmnet", "1234"))
FOLDER = "/etc/NetworkManager/system-connections"
CMDLINE = "/boot/firmware/cmdline.txt"


def test_ethernet_is_left_alone(make_job):
    job = make_job()
    assert not network(job).changed
    assert (job.machine.ran, job.machine.files) == ([], {})


def test_a_profile_is_laid_and_taken_up_once(make_job):
    job = make_job(network=WIFI)
    job.machine.files[CMDLINE] = b"console=tty1\n"
    laid = []
    lay = job.machine.lay
    job.machine.lay = lambda wanted, due=None: laid.extend(wanted) or lay(wanted, due)
    ended = network(job)
    assert ended.changed
    profile = next(one for one in laid if one.path == f"{FOLDER}/xunkong-wifi.nmconnection")
    assert (profile.mode, profile.owner) == ("600", "root")
    assert "nmcli radio wifi on && nmcli connection reload" in job.machine.ran[0]
    assert job.machine.files[CMDLINE] == b"console=tty1 cfg80211.ieee80211_regdom=DE\n"
    assert REBOOT in job.machine.due
    assert KEPT not in job.machine.files
    assert not network(job).changed
    assert "hunter2" not in f"{ended.words} {job.machine.ran}"


def test_another_profile_takes_the_place_of_the_one_before(make_job):
    job = make_job(network=MODEM)
    assert network(job).changed
    job.wish = make_job(network=Network(modem=Modem("3gnet"))).wish
    assert network(job).changed
    assert b"apn=3gnet" in job.machine.files[f"{FOLDER}/xunkong-modem.nmconnection"]
    assert "radio" not in "".join(job.machine.ran)


def test_where_another_program_has_the_network_it_keeps_the_rest(make_job):
    job = make_job(network=MODEM, known=facts(network=("systemd-networkd",)))
    network(job)
    assert b"unmanaged-devices=*,except:type:wifi,except:type:gsm" in job.machine.files[KEPT]


def test_a_dry_run_lays_nothing(make_job):
    job = make_job(dry=True, network=MODEM)
    assert network(job).changed
    assert (job.machine.ran, job.machine.files) == ([], {})


def test_what_takes_it_up_is_the_shells(make_job):
    job = make_job(network=WIFI, known=facts(board=None))
    network(job)
    assert subprocess.run(["sh", "-n", "-c", job.machine.ran[0]], check=False).returncode == 0


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (None, set()),
        (WIFI, {"network-manager", "wpasupplicant", "wireless-regdb"}),
        (MODEM, {"network-manager", "modemmanager"}),
    ],
)
def test_packages_come_along_where_a_network_needs_them(make_job, wanted, more):
    job = make_job(network=wanted)
    assert set(lacking(job, job.known)) == {"chrony"} | more
    has = facts(packages=("network-manager", "modemmanager", "wpasupplicant", "wireless-regdb"))
    assert lacking(job, has) == ["chrony"]


def test_a_modem_that_carries_the_link_is_watched(make_job):
    job = make_job(network=MODEM)
    assert '[modem]\ncommand = "mmcli"' in device_toml(job.wish, job.known)
    job = make_job(network=MODEM, parts={"modem": {"cap_mb": 500}})
    assert "[modem]\ncap_mb = 500" in device_toml(job.wish, job.known)
    assert "[modem]" not in device_toml(make_job(network=WIFI).wish, job.known)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a  b\n", "a b n=2\n"),
        ("a n=1 b\n", "a b n=2\n"),
        ("a  n=2 b", "a  n=2 b"),
        ("n=2 n=1\n", "n=2\n"),
        ("", "n=2\n"),
        ("nn=1\n", "nn=1 n=2\n"),
    ],
)
def test_a_word_of_the_kernels_stands_there_once(old, new):
    assert with_word(old, "n=2") == new
