"""The self-test is made once for each thing that was installed."""

import json
import os
import subprocess
import time

import pytest

from provision.host.job import PASSED
from provision.host.machine import DUE, Answer
from provision.steps.selftest import SCRIPT, selftest
from tests.provision.conftest import faulty

GOOD = {"part": "nfc", "verdict": "ok", "what": "answers", "what_zh": "应答"}
BAD = GOOD | {"verdict": "fault", "what": "silent", "remedy": "swap", "remedy_zh": "换"}


def said(*findings):
    return "\n".join(json.dumps(one) for one in findings)


@pytest.fixture
def job(make_job):
    made = make_job()
    made.report["kid"] = "k1"
    made.machine.says["device selftest"] = said(GOOD, {"fit": True})
    return made


def again(job):
    """What a later run finds."""
    job.machine.says[f"cat {PASSED}"] = job.machine.files[PASSED].decode()
    return selftest(job)


def test_it_is_made_with_the_unit_stopped_and_the_unit_runs_again(job):
    job.machine.says["device selftest"] = said(GOOD, {"fit": True}) + "\nup 100.5\nup 103.0"
    began_s = time.monotonic()
    assert selftest(job).changed
    assert began_s - 2.5 <= job.started_s <= time.monotonic() - 2.5
    assert job.report["selftest"]["findings"][0] == GOOD


@pytest.mark.parametrize("ends", [0, 1])
def test_the_script_starts_the_unit_again_whatever_the_test_does(tmp_path, ends):
    """Run here, with a systemctl and a runuser that write down what they are told."""
    for name in ("systemctl", "runuser", "rm"):
        code = ends if name == "runuser" else 0
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} $1 >>{tmp_path}/told\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    told = (tmp_path / "told").read_text().splitlines()
    assert told == [
        "rm -f",
        "systemctl stop",
        "runuser -u",
        "systemctl reset-failed",
        "systemctl start",
    ]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["up", "up"]


def test_a_unit_that_passed_is_not_stopped_again(job):
    selftest(job)
    started_s = job.started_s
    assert not again(job).changed
    assert job.started_s == started_s


def test_another_certificate_or_a_wish_has_it_made_again(job, make_job):
    selftest(job)
    job.report["kid"] = "k2"
    assert again(job).changed
    other = make_job(test_again=True)
    other.machine.says["device selftest"] = said(GOOD, {"fit": True})
    selftest(other)
    assert again(other).changed


def test_a_dry_run_that_would_write_settings_says_that_it_would_be_made(job):
    selftest(job)
    job.machine.due.add(f"{DUE}/settings")
    assert again(job).changed


def test_an_unfit_unit_says_what_to_mend(job):
    job.machine.says["device selftest"] = Answer(False, said(BAD, {"fit": False}), "")
    assert "nfc: silent → swap" in faulty(selftest, job)
    assert PASSED not in job.machine.files


def test_a_test_that_did_not_run(job):
    for out in ("", said(GOOD)):
        job.machine.says["device selftest"] = Answer(False, out, "[broker] host: mend it")
        assert "[broker] host: mend it" in faulty(selftest, job)


def test_a_spoilt_note_is_no_note(job):
    job.machine.says[f"cat {PASSED}"] = "{half"
    assert selftest(job).changed
