"""A certificate is got where none is held that counts, by the laptop's hand or by a code."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provision.host.machine import Answer
from provision.steps.papers import AUTHORITY, CRT, kid_asked, papers
from tests.csr import signing_request
from tests.provision.conftest import faulty
from wire.keys import kid_of

KEY = Ed25519PrivateKey.generate()
REQUEST = signing_request(KEY, "cp-1")
KID = kid_of(KEY.public_key().public_bytes_raw())


@pytest.fixture
def job(make_job):
    made = make_job()
    digest = hashlib.sha256(made.site.authority()).hexdigest()
    made.machine.says |= {"sha256sum </var": digest, "cat /var": REQUEST.rstrip("\n")}
    return made


def holds(job, *kids):
    """What the unit says it holds, one look after another; None: nothing."""
    left = list(kids)

    def look():
        kid = left.pop(0) if len(left) > 1 else left[0]
        return Answer(kid is not None, json.dumps({"kid": kid}), "")

    job.machine.says["--held"] = look


def test_who_holds_one_that_counts_is_left_alone(job):
    holds(job, "k1")
    assert not papers(job).changed
    assert (job.machine.ran, job.report["kid"]) == ([], "k1")


@pytest.mark.parametrize("held", [None, "revoked"])
def test_else_request_and_certificate_go_by_hand(job, held):
    holds(job, held, "k2")
    assert papers(job).changed
    assert job.site.issued == [("cp-1", REQUEST)]
    assert job.machine.files[CRT] == b"certificate"
    assert job.machine.files[AUTHORITY] == job.site.authority()
    assert ["--csr" in job.machine.ran[0], "--cert" in job.machine.ran[-1]] == [True, True]
    assert job.report["kid"] == "k2"


def test_one_of_another_site_is_replaced(job):
    holds(job, "k1")
    job.machine.says["sha256sum </var"] = "0" * 64
    assert papers(job).changed


def test_with_a_code_the_unit_asks_itself_while_it_is_stopped(job):
    holds(job, None, "k3")
    job.site.given_code = "CODE"
    papers(job)
    assert [("stop" in one, "--code -" in one) for one in job.machine.ran] == [
        (True, False),
        (False, True),
    ]
    assert "CODE" not in "".join(job.machine.ran)


def test_with_neither_it_says_what_to_give(job):
    holds(job, None)
    job.site.issue = lambda unit, request: None
    assert "one-time code by --code" in faulty(papers, job)


def test_a_dry_run_asks_nobody(make_job):
    job = make_job(dry=True)
    assert papers(job).changed
    assert (job.site.issued, job.machine.files) == ([], {})


def test_a_name_that_another_box_has_is_not_given_twice(job):
    holds(job, None)
    job.site.others = True
    assert "--replace to put that one out" in faulty(papers, job)
    assert (job.site.issued, job.site.retired) == ([], [])


def test_unless_that_one_is_to_be_put_out(make_job, job):
    other = make_job(replace=True)
    other.machine.says |= job.machine.says
    other.site.others = True
    holds(other, None, "k2")
    assert papers(other).changed
    assert (other.site.retired, len(other.site.issued)) == (["cp-1"], 1)


def test_what_a_broken_run_had_made_for_this_box_does_not_stand_in_its_way(job):
    holds(job, None, KID)
    job.site.others, job.site.kids = True, {KID}
    assert papers(job).changed
    assert job.site.retired == []


def test_a_request_that_is_none():
    assert kid_asked(REQUEST) == KID
    assert "the signing request is none" in faulty(kid_asked, "x")
