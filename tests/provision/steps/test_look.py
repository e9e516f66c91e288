"""What is found out before anything is done: another unit's machine, another machine's name."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.fleet.certificates import certify, new_issuer
from provision.host.job import CONFIG
from provision.host.machine import Answer
from provision.steps.look import look
from provision.steps.papers import CSR, HELD, kid_asked
from tests.csr import signing_request
from tests.provision.conftest import facts_said, faulty
from wire.keys import kid_of

REQUEST = signing_request(Ed25519PrivateKey.generate(), "cp-1")
NO = Answer(False, "", "")
NOW_MS = 1_790_000_000_000


def certified():
    issuer = new_issuer("site", NOW_MS)
    return certify(issuer, "cp-1", Ed25519PrivateKey.generate().public_key(), "log-in", NOW_MS, 9)


@pytest.fixture
def make(make_job):
    """A machine that is the unit `name` by its own configuration; None: nothing is there."""

    def made(name=None, **wanted):
        job = make_job(**wanted)
        job.machine.says = {
            "/etc/os-release": facts_said(),
            "gateway.toml": NO,
            "unit.pem": Answer(name is not None, "", ""),
            "--held": Answer(name is not None, json.dumps({"kid": "k1"}), ""),
            f"cat {CONFIG}": f'[unit]\nid = "{name}"\n',
            HELD: NO,
            CSR: NO,
        }
        return job

    return made


def test_a_bare_machine_may_be_made(make):
    job = make()
    assert "aarch64" in look(job).words.en or "bookworm" in look(job).words.en
    assert job.machine.ran == []


def test_parts_with_which_the_unit_would_not_start_are_refused(make):
    job = make("cp-1", parts={"gps": {"port": 5}})
    assert "--parts makes no good device.toml" in faulty(look, job)
    assert job.machine.files == {}


class TestAMachineThatIsAUnit:
    def test_another_is_not_renamed_by_a_slip(self, make):
        said = faulty(look, make("cp-7"))
        assert "this machine is the unit cp-7, nothing of it was changed" in said
        assert "--rename" in said

    def test_it_is_where_that_is_meant_or_it_is_no_unit_any_more(self, make):
        look(make("cp-7", rename=True))
        retired = make("cp-7")
        retired.machine.says["unit.pem"] = NO
        look(retired)
        look(make("cp-1"))

    def test_that_is_to_get_a_name_that_another_has_is_left_alone(self, make):
        """It would bear that name, without a certificate for it."""
        job = make("cp-7", rename=True)
        job.site.others = True
        assert "cp-1 is the name of another box already" in faulty(look, job)

    def test_what_cannot_be_read_is_written_anew(self, make):
        job = make("cp-7")
        job.machine.says[f"cat {CONFIG}"] = "[unit"
        look(job)

    @pytest.mark.parametrize("config", ["[unit", '[unit]\nid = "cp-1"\n[gps]\nport = 5\n'])
    def test_one_that_its_own_software_cannot_read_has_its_name_still(self, make, config):
        """Its certificate says so, and a private key is not asked for."""
        job = make("cp-1")
        certificate = certified()
        job.machine.says = {
            f"p' {HELD}": certificate.public_bytes(Encoding.PEM).decode().strip(),
            **job.machine.says,
            "--held": NO,
            f"cat {CONFIG}": config,
        }
        job.site.others = True
        assert "is the name of another box already" in faulty(look, job)
        job.site.kids = {kid_of(certificate.public_key().public_bytes_raw())}
        look(job)


class TestANameThatAnotherBoxHas:
    @pytest.fixture
    def taken(self, make):
        def made(**wanted):
            job = make(**wanted)
            job.site.others = True
            return job

        return made

    def test_is_refused(self, taken):
        job = taken()
        assert "cp-1 is the name of another box already" in faulty(look, job)
        assert (job.machine.files, job.site.retired) == ({}, [])

    def test_but_where_that_one_is_to_be_put_out_which_is_not_done_yet(self, taken):
        job = taken(replace=True)
        look(job)
        assert job.site.retired == []

    def test_or_the_certificate_was_made_for_this_box_by_a_run_that_broke_off(self, taken):
        job = taken()
        job.machine.says[CSR] = REQUEST.rstrip("\n")
        faulty(look, job)
        job.site.kids = {kid_asked(REQUEST)}
        look(job)
