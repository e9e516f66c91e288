"""The authority's process: what it does by itself, and what it survives."""

import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.exc import OperationalError

from gateway.fleet.broker_folder import now_ms
from gateway.fleet.codes import give_code
from gateway.fleet.roll import entries
from gateway.fleet.site_keys import OWN, ageing, is_ageing
from gateway.fleet.worker import AuthorityWorker
from gateway.store.schema import requests
from tests.csr import signing_request
from tests.notified import Heard
from wire import codec
from wire.codes import meant, proof, proof_key
from wire.orders import CertRequest
from wire.service import Service
from wire.words import Fault

DAY_MS = 86_400_000


class Once(threading.Event):
    """Told to end after `rounds`."""

    def __init__(self, rounds):
        super().__init__()
        self.rounds = rounds

    def wait(self, timeout=None):
        self.rounds -= 1
        if self.rounds <= 0:
            self.set()
        return self.is_set()


def request_by_code(store, unit="cp-01"):
    code = meant(give_code(store, unit, 1, now_ms()))
    csr = signing_request(Ed25519PrivateKey.generate(), unit)
    message = codec.encode(CertRequest(1, csr, proof(proof_key(code), csr)))
    row = {"id": "1" * 64, "unit": unit, "message": message}
    with store.changing() as connection:
        row |= {"received_ms": now_ms(), "state": "waiting"}
        connection.execute(requests.insert().values(**row))


def test_it_signs_what_waits_and_publishes_the_list(site, site_store):
    before = site.keys.revocations().last_update_utc
    request_by_code(site_store)
    AuthorityWorker(site.config, site_store).run(Once(1))
    assert [one.unit for one in entries(site_store)][-1] == "cp-01"
    assert site.keys.revocations().last_update_utc > before


def test_a_code_s_password_reaches_the_broker(site, site_store):
    give_code(site_store, "cp-01", 1, now_ms())
    AuthorityWorker(site.config, site_store).run(Once(1))
    assert (site.folder / "broker" / "passwords").read_text().startswith("cp-01:$7$")


@pytest.mark.parametrize("share", [0.6, 0.7])
def test_the_site_s_own_certificates_are_renewed_before_they_end(site, site_store, share):
    at_ms = now_ms() + int(site.config.authority.server_days * share * DAY_MS)
    held = {name: site.keys.certificate(name) for name in OWN}
    keys = {name: (site.keys.path / f"{name}.key").read_bytes() for name in OWN}
    AuthorityWorker(site.config, site_store, lambda: at_ms).run(Once(2))
    renewed = {name for name in OWN if site.keys.certificate(name) != held[name]}
    assert renewed == (set(OWN) if share > 2 / 3 else set())
    assert {name: (site.keys.path / f"{name}.key").read_bytes() for name in OWN} == keys
    assert ageing(site.keys, at_ms) == []


def test_age_counts_from_the_issue_and_not_from_2000(site):
    held = site.keys.certificate("gateway")
    assert not is_ageing(held, now_ms())
    assert is_ageing(held, now_ms() + 490 * DAY_MS)


def test_a_store_that_fails_is_tried_again(site, site_store, monkeypatch, caplog):
    worker, fails = AuthorityWorker(site.config, site_store), [1, 2]

    def look():
        if fails:
            fails.pop()
            raise OperationalError("", {}, Exception("database is locked"))

    monkeypatch.setattr(worker, "look", look)
    worker.run(Once(3))
    assert fails == []
    assert caplog.text.count("database is locked") == 2


def test_without_the_authority_s_key_it_says_what_to_do(site, site_store):
    (site.keys.path / "ca.key").unlink()
    with pytest.raises(Fault, match=r"cannot read .*ca.key"):
        AuthorityWorker(site.config, site_store)


def test_it_is_ready_when_it_can_sign_alive_at_each_look_and_takes_its_leave(
    site, site_store, tmp_path
):
    heard = Heard(tmp_path / "notify")
    service = Service(heard.environ)
    AuthorityWorker(site.config, site_store, service=service).run(Once(2))
    came = heard.drain()
    heard.close()
    assert came == ["READY=1", "STATUS=signs what units ask for", "WATCHDOG=1", "STOPPING=1"]
