"""A gateway's services: in which order they start, and what becomes of them where that fails; the broker's check."""

import json

import pytest

from provision.gateway import steps as steps_room
from provision.gateway.job import GATEWAY, GatewayJob
from provision.gateway.site import UNTRIED
from provision.gateway.steps import OURS, START_S, broker_check
from provision.host.machine import Answer
from tests.provision.conftest import facts, faulty
from tests.provision.gateway.conftest import Shell, wish


def test_what_runs_is_started_anew_for_other_software_alone(make):
    job = make()
    job.machine.says["is-active"] = ""
    assert steps_room.at_work(job).changed
    (ran,) = job.machine.ran
    assert ran.startswith(f"{steps_room.START} && echo ")
    job.machine.says["grep -qx"] = ""
    assert not steps_room.at_work(job).changed


def test_a_service_that_does_not_run_says_why(make):
    job = make()
    job.machine.says["is-active -q xunkong-ingest"] = Answer(False, "", "")
    job.machine.says["is-active"] = ""
    job.machine.says["journalctl"] = "no such table"
    assert "xunkong-ingest.service does not run:\nno such table" in faulty(steps_room.at_work, job)


TOOL = """#!/bin/sh
echo "${0##*/} $*" >>%(told)s
case "$*" in %(fails)s) echo "no such key" >&2; exit 1 ;; esac
"""


@pytest.fixture
def start(bundle, tmp_path):
    """Starts the services on a shell whose tools write down what they were told; `fails`: which of it fails."""

    def started(fails="-"):
        kept, told = tmp_path / "kept", tmp_path / "told"
        kept.mkdir()
        machine = Shell(kept, tmp_path)
        for name in ("xunkong", "systemctl", "systemd-tmpfiles", "timeout"):
            (tmp_path / name).write_text(TOOL % {"told": told, "fails": fails})
            (tmp_path / name).chmod(0o755)
        job = GatewayJob(machine, wish(), bundle)
        job.facts = facts()
        said = "" if fails == "-" else faulty(steps_room.at_work, job)
        if fails == "-":
            assert steps_room.at_work(job).changed
        lines = told.read_text().splitlines()
        return (
            [one for one in lines if " is-" not in one and " reset-failed" not in one],
            kept,
            said,
        )

    return started


def test_the_store_is_brought_up_while_nobody_writes_and_the_broker_is_to_be_tried(start):
    told, kept, _ = start()
    assert [one.partition(" --")[0] for one in told] == [
        f"systemctl stop {OURS}",
        "xunkong gateway broker config",
        "systemd-tmpfiles",
        f"timeout {START_S} systemctl restart {' '.join(GATEWAY.services)}",
    ]
    assert (kept / "untried").exists() and (kept / "started").exists()


@pytest.mark.parametrize("fails", ["*broker\\ config*", "*restart*"])
def test_a_start_that_fails_leaves_no_service_stopped(start, fails):
    told, kept, said = start(fails)
    assert told[-1] == f"systemctl start --no-block {OURS}"
    assert "no such key" in said and not (kept / "started").exists()


class TestBrokerCheck:
    def job(self, make, *held, dry=False):
        job = make(dry)
        job.machine.files[UNTRIED] = b""
        rows = [{"attempt": f"try {n}", "held": one, "seen": ""} for n, one in enumerate(held)]
        job.machine.says["broker check"] = "\n".join(map(json.dumps, rows))
        return job

    def test_all_turned_away(self, make):
        job = self.job(make, True, True)
        assert "2 attacks" in broker_check(job).words.en
        assert job.machine.ran == [f"rm -f {UNTRIED}"]

    def test_one_let_in(self, make):
        assert "try 1" in faulty(broker_check, self.job(make, True, False))

    def test_nothing_tried(self, make):
        job = self.job(make)
        job.machine.says["broker check"] = Answer(False, "", "no broker answers")
        assert "no broker answers" in faulty(broker_check, job)

    def test_once(self, make):
        assert not broker_check(make()).changed

    def test_on_a_dry_run_it_is_not_done(self, make):
        job = self.job(make, False, dry=True)
        assert broker_check(job).changed and job.machine.ran == []
        assert broker_check(make(dry=True)).changed, "nothing stands yet"
