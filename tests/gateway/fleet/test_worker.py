"""The authority's process: what it does by itself, and what it survives."""

import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.exc import OperationalError

from gateway.fleet import endings
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.certificates import issued_ms
from gateway.fleet.codes import give_code
from gateway.fleet.revocation import publish_list
from gateway.fleet.roll import entries, strike_out
from gateway.fleet.site_keys import OWN, ageing, renew
from gateway.fleet.visitor import TurnedAway
from gateway.fleet.worker import AuthorityWorker
from gateway.ingest.registry import keep
from gateway.store.schema import certificates, requests
from tests.csr import signing_request
from tests.notified import Heard
from wire import codec
from wire.certificates import Authority
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


def test_a_clock_that_ran_ahead_locks_nothing(site, site_store):
    ahead = now_ms() + 14 * 365 * DAY_MS
    AuthorityWorker(site.config, site_store, lambda: ahead).run(Once(2))
    held = {name: site.keys.certificate(name) for name in OWN}
    assert all(issued_ms(one.serial_number) >= ahead for one in held.values())
    assert ageing(site.keys, now_ms()) == []
    for name, one in held.items():
        made = renew(site.keys, site_store, name, 730, now_ms())
        assert made.serial_number > one.serial_number
    assert ageing(site.keys, now_ms()) == []
    assert ageing(site.keys, now_ms() + 641 * DAY_MS) == list(OWN)


def test_with_a_clock_that_cannot_be_right_nothing_is_made(site, site_store, caplog):
    request_by_code(site_store)
    AuthorityWorker(site.config, site_store, lambda: 10 * 365 * DAY_MS).run(Once(2))
    assert "this machine's clock says 1979" in caplog.text
    assert list(entries(site_store, "cp-01")) == []


def test_a_unit_put_out_before_its_certificate_was_known_is_listed_once_it_is(
    site, site_store, broker
):
    tls, _, certificate = site.unit(site_store, "cp-01")
    with site_store.changing() as connection:
        connection.execute(certificates.delete().where(certificates.c.unit == "cp-01"))
        assert strike_out(connection, "cp-01", "stolen", now_ms()) == 0
    worker = AuthorityWorker(site.config, site_store)
    worker.look()
    with site.visit("cp-01", tls) as unit:
        with site_store.changing() as connection:
            shown = Authority((site.keys.path / "ca.crt").read_bytes()).read(
                certificate.public_bytes(Encoding.DER), "log-in"
            )
            assert keep(connection, shown, now_ms())
        worker.look()
        assert unit.gone.wait(10)
    with pytest.raises(TurnedAway), site.visit("cp-01", tls):
        pass


def test_a_broker_that_is_away_keeps_nobody_out(site, site_store, monkeypatch, caplog):
    """Its session is ended when the broker is back; meanwhile others get their certificates."""
    tries, clock = [], [now_ms()]

    def end_session(broker, tls, unit):
        del broker, tls
        tries.append(unit)
        if len(tries) < 3:
            raise Fault("离线", "the broker is away")

    monkeypatch.setattr(endings, "end_session", end_session)
    site.unit(site_store, "cp-02")
    with site_store.changing() as connection:
        strike_out(connection, "cp-02", "stolen", now_ms())
    worker = AuthorityWorker(site.config, site_store, lambda: clock[0])
    worker.look()
    request_by_code(site_store)
    worker.look()
    assert [one.unit for one in entries(site_store)][-1] == "cp-01"
    assert tries == ["cp-02"]
    for _ in range(2):
        clock[0] += endings.AGAIN_MS
        worker.look()
    worker.look()
    assert tries == ["cp-02"] * 3
    assert caplog.text.count("the broker is away; tried again") == 2


def test_who_was_listed_by_a_process_before_is_put_out_by_the_next(site, site_store, broker):
    """It ended between the list and the end of the session."""
    tls, *_ = site.unit(site_store, "cp-01")
    with site.visit("cp-01", tls) as unit:
        with site_store.changing() as connection:
            strike_out(connection, "cp-01", "stolen", now_ms())
        publish_list(site.keys, site_store)
        AuthorityWorker(site.config, site_store).run(Once(1))
        assert unit.gone.wait(10)


def test_whom_nobody_had_listed_while_it_was_away_is_put_out_too(site, site_store, broker):
    tls, *_ = site.unit(site_store, "cp-01")
    long_ago = now_ms() - 100 * DAY_MS
    with site.visit("cp-01", tls) as unit:
        with site_store.changing() as connection:
            of_it = certificates.c.unit == "cp-01"
            row = {"revoked_ms": long_ago, "first_ms": long_ago}
            connection.execute(certificates.update().where(of_it).values(**row))
        AuthorityWorker(site.config, site_store).run(Once(1))
        assert unit.gone.wait(10)


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
