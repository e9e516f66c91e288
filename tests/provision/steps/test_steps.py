"""The small steps: carry, packages, clock, account, services, chrony, restart, duty."""

import hashlib
import os
import subprocess

import pytest

from provision.host.machine import Answer
from provision.host.site import Broker
from provision.steps import restart as restart_room
from provision.steps.account import account
from provision.steps.boot import REBOOT
from provision.steps.carry import carry, unpacked
from provision.steps.chrony import CONF, chrony, chrony_conf
from provision.steps.clock import clock
from provision.steps.duty import heartbeat, running
from provision.steps.packages import install_script, packages
from provision.steps.restart import restart
from provision.steps.services import installed_units, service_files, services
from provision.steps.ssh import APPLY, keys_only
from provision.steps.ssh import CONF as CONF_OF_SSH
from tests.provision.conftest import facts, faulty

# carry, packages


def arrives(job, content=None):
    """The bundle comes to the machine as `content`; None: as it is."""
    text = job.bundle.path.read_bytes() if content is None else content
    job.machine.says[f"sha256sum {job.carried}.part"] = f"{hashlib.sha256(text).hexdigest()}  x"
    job.machine.says["readlink -f"] = f"/home/pi/{job.carried}\n"


def test_the_bundle_is_carried_checked_and_unpacked(make_job):
    job = make_job()
    arrives(job)
    assert carry(job).changed
    assert job.machine.uploaded == [(job.bundle.path, f"{job.carried}.part")]
    assert f"mv -T {unpacked(job)}.new {unpacked(job)}" in job.machine.ran[-1]


def test_what_arrived_otherwise_is_not_used(make_job):
    job = make_job()
    arrives(job, b"other")
    assert "what arrived is not the bundle" in faulty(carry, job)
    assert job.machine.ran == []


def test_it_is_not_carried_where_nothing_of_it_is_wanted(make_job, bundle):
    known = facts(packages=("chrony",), version="0.1.0", software=bundle.manifest.software)
    job = make_job(known=known)
    assert not carry(job).changed
    assert not packages(job).changed
    assert (job.machine.uploaded, job.machine.ran) == ([], [])


def test_nor_where_it_lies_unpacked(make_job):
    job = make_job()
    job.machine.says["test -d"] = ""
    assert not carry(job).changed
    assert job.machine.uploaded == []


def test_what_is_lacking_is_installed_from_the_folder_alone(make_job):
    job = make_job()
    assert packages(job).changed
    script = job.machine.ran[0]
    assert f"file:{unpacked(job)}/debs" in script
    assert script.rstrip().endswith("install chrony >/dev/null")


def test_the_script_of_packages_is_the_shells():
    script = install_script("/f", ["a", "b c"])
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


# clock


@pytest.mark.parametrize(
    ("behind_s", "steered", "sets"), [(3, False, False), (9000, False, True), (-9000, True, False)]
)
def test_a_clock_is_set_where_it_is_far_off_and_nothing_steers_it(
    make_job, behind_s, steered, sets
):
    job = make_job(known=facts(behind_s=behind_s, steered=steered))
    assert clock(job).changed is sets
    assert [one.startswith("date -u -s @") for one in job.machine.ran] == [True] * sets


# account, services, chrony


def test_the_user_is_made_once_and_again_if_somebody_removed_him(make_job):
    job = make_job()
    job.machine.says["id xunkong-device"] = Answer(False, "", "")
    assert account(job).changed
    assert "systemd-sysusers" in job.machine.ran[0]
    job.machine.says["id xunkong-device"] = ""
    assert not account(job).changed


def test_a_unit_has_no_service_of_the_gateways(make_job):
    paths = [one.path for one in service_files(make_job())]
    assert paths == [
        "/etc/systemd/system/xunkong-device.service",
        "/etc/systemd/system/xunkong-guard.service",
        "/etc/systemd/system/xunkong-trial.timer",
        "/etc/systemd/journald.conf.d/xunkong.conf",
    ]


def test_what_is_to_start_with_the_machine_does(make_job):
    job = make_job()
    assert services(job).changed
    assert installed_units(job) == ["xunkong-device.service", "xunkong-trial.timer"]
    assert job.machine.done == [
        ("service", {"service": "xunkong-device.service", "running": None, "enabled": True}),
        ("service", {"service": "xunkong-trial.timer", "running": True, "enabled": True}),
    ]
    assert "daemon-reexec" in job.machine.ran[0]
    assert not services(job).changed
    job.machine.differs = {"xunkong-trial.timer"}
    assert services(job).changed


def test_time_comes_from_receiver_and_gateways(make_job):
    job = make_job(brokers=(Broker("a"), Broker("b")))
    assert chrony_conf(job).splitlines()[-2:] == ["server a iburst", "server b iburst"]
    assert chrony(job).changed
    assert b"refclock SOCK /run/chrony.xunkong.sock" in job.machine.files[CONF]
    assert not chrony(job).changed


# restart


def test_no_restart_where_none_is_due(make_job):
    assert not restart(make_job()).changed


def test_a_restart_is_over_when_another_boot_answers(make_job, monkeypatch):
    job = make_job()
    job.machine.due.add(REBOOT)
    boots = ["boot-1", "", "boot-2"]
    job.machine.says["boot_id"] = lambda: boots.pop(0)
    monkeypatch.setattr(restart_room, "PAUSE_S", 0.0)
    monkeypatch.setattr(restart_room, "ask_facts", lambda machine, model: facts(boot_id="boot-2"))
    assert restart(job).changed
    assert (boots, job.facts.boot_id) == ([], "boot-2")


def test_a_machine_that_does_not_come_back(make_job, monkeypatch):
    job = make_job()
    job.machine.due.add(REBOOT)
    monkeypatch.setattr(restart_room, "MOST_S", 0.0)
    assert "before-xunkong" in faulty(restart, job)


# ssh


def test_passwords_are_closed_only_where_it_is_asked_for(make_job):
    assert not keys_only(make_job()).changed
    job = make_job(keys_only=True)
    assert keys_only(job).changed
    assert b"PasswordAuthentication no" in job.machine.files[CONF_OF_SSH]
    assert not keys_only(job).changed


def test_and_never_by_who_came_in_by_one(make_job):
    job = make_job(keys_only=True)
    job.machine.by_key = False
    assert "log in by --key" in faulty(keys_only, job)
    assert not job.machine.files


@pytest.mark.parametrize("good", [True, False])
def test_what_sshd_does_not_take_is_not_left_behind(tmp_path, good):
    conf, told = tmp_path / "10-xunkong.conf", tmp_path / "told"
    conf.touch()
    (tmp_path / "sshd").write_text(f"#!/bin/sh\n{'true' if good else 'false'}\n")
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\ntouch {told}\n")
    for name in ("sshd", "systemctl"):
        (tmp_path / name).chmod(0o755)
    script = APPLY.replace(CONF_OF_SSH, str(conf))
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", script], env=env, check=False)
    assert (done.returncode == 0, conf.exists(), told.exists()) == (good, good, good)


# duty


def test_one_that_systemd_gave_up_may_be_started_again(make_job):
    job = make_job()
    job.machine.says |= {"is-failed": "", "is-active": ""}
    running(job)
    assert job.machine.ran == ["systemctl reset-failed xunkong-device.service"]


def test_a_service_that_does_not_stay_says_its_log(make_job):
    job = make_job()
    job.machine.says |= {"is-active": Answer(False, "", ""), "journalctl": "bad configuration"}
    assert "bad configuration" in faulty(running, job)


def test_a_picture_of_before_the_start_is_no_sign_of_life(make_job, monkeypatch):
    job = make_job()
    job.started_s = 0.0
    monkeypatch.setattr("provision.steps.duty.PAUSE_S", 0.0)
    job.site.seen = [
        {"online": True, "heard_age_s": 1e9},
        {"online": False, "heard_age_s": 0.1},
        {"online": True, "heard_age_s": 0.1},
    ]
    assert "sees it on line" in heartbeat(job).words.en
    assert len(job.site.seen) == 1


def test_without_the_gateway_its_acknowledgement_counts(make_job):
    job = make_job()
    job.site.seen = [None]
    answers = ['{"logs": []}', '{"logs": [{"stream": "event", "acknowledged": 3}]}']
    job.machine.says["journal stat"] = lambda: answers.pop(0)
    assert "acknowledged" in heartbeat(job).words.en


def test_a_gateway_that_hears_nothing(make_job, monkeypatch):
    monkeypatch.setattr("provision.steps.duty.MOST_S", 0.0)
    assert "did not hear of it" in faulty(heartbeat, make_job())
