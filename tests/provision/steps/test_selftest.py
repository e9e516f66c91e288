"""The self-test is made once for each thing that was installed."""

import json

import pytest

from provision.host.machine import Answer
from provision.steps.selftest import PASSED, selftest
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
    job.machine.ran.clear()
    return selftest(job)


def test_it_is_made_with_the_unit_stopped_and_the_unit_runs_again(job):
    assert selftest(job).changed
    assert [one.split()[:2] for one in job.machine.ran] == [
        ["systemctl", "stop"],
        ["systemctl", "reset-failed"],
    ]
    assert job.started_s is not None
    assert job.report["selftest"]["findings"][0] == GOOD


def test_a_unit_that_passed_is_not_stopped_again(job):
    selftest(job)
    assert not again(job).changed
    assert job.machine.ran == []


def test_another_certificate_or_a_wish_has_it_made_again(job, make_job):
    selftest(job)
    job.report["kid"] = "k2"
    assert again(job).changed
    other = make_job(test_again=True)
    other.machine.says["device selftest"] = said(GOOD, {"fit": True})
    selftest(other)
    assert again(other).changed


def test_an_unfit_unit_says_what_to_mend_and_runs_all_the_same(job):
    job.machine.says["device selftest"] = Answer(False, said(BAD, {"fit": False}), "")
    assert "nfc: silent → swap" in faulty(selftest, job)
    assert "systemctl start" in job.machine.ran[-1]
    assert PASSED not in job.machine.files


def test_a_test_that_did_not_run(job):
    job.machine.says["device selftest"] = Answer(False, "", "[broker] host: mend it")
    assert "[broker] host: mend it" in faulty(selftest, job)


def test_a_spoilt_note_is_no_note(job):
    job.machine.says[f"cat {PASSED}"] = "{half"
    assert selftest(job).changed
