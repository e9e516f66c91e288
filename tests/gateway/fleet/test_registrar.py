"""The authority's desk: who gets a certificate for what, and who does not."""

from hashlib import sha256

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.fleet.certificates import certify, new_issuer
from gateway.fleet.codes import GRACE_MS, give_code, passwords
from gateway.fleet.registrar import DAY_MS, KEEP_MS, MOST_A_DAY, Registrar
from gateway.fleet.roll import enter, strike_out
from gateway.store.schema import certificates, codes, requests
from tests.csr import signing_request
from wire import codec, topics
from wire.batch import unpack
from wire.certificates import Authority
from wire.codes import meant, proof, proof_key
from wire.keys import KeySigner
from wire.orders import CertRequest

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


class Desk:
    def __init__(self, store):
        self.store = store
        self.issuer = new_issuer("test", NOW_MS)
        self.registrar = Registrar(store, self.issuer, 730)
        self.authority = Authority(self.issuer.certificate.public_bytes(Encoding.PEM))

    def admit(self, key=OLD, unit="cp-01", issuer=None, days=30):
        """`unit` has a certificate for `key`."""
        made = certify(issuer or self.issuer, unit, key.public_key(), "log-in", NOW_MS, days)
        with self.store.changing() as connection:
            enter(connection, made, NOW_MS)

    def ask(self, message, unit="cp-01", now_ms=NOW_MS):
        """As ingest keeps it."""
        number = sha256(message).hexdigest()
        row = {"id": number, "unit": unit, "message": message}
        row |= {"received_ms": now_ms, "state": "waiting"}
        with self.store.changing() as connection:
            connection.execute(requests.insert().values(**row))
        assert self.registrar.serve(now_ms) == 1
        return self.outcome(number)

    def outcome(self, number):
        with self.store.reading() as connection:
            row = connection.execute(sa.select(requests).where(requests.c.id == number)).one()
        if row.state == "signed":
            return self.authority.read(row.cert, "log-in")
        assert (row.state, row.cert) == ("refused", None)
        return row.why

    def roll(self):
        with self.store.reading() as connection:
            return connection.execute(sa.select(certificates.c.unit, certificates.c.kid)).all()


@pytest.fixture
def desk(store):
    return Desk(store)


@pytest.fixture
def any_desk(any_store):
    return Desk(any_store)


def signed(signer=OLD, key=NEW, unit="cp-01", topic=None):
    request = CertRequest(1, signing_request(key, unit))
    return codec.encode_signed(request, topic or topics.csr(unit), KeySigner(signer))


def by_code(code, key=NEW, unit="cp-01"):
    csr = signing_request(key, unit)
    return codec.encode(CertRequest(1, csr, proof(proof_key(meant(code)), csr)))


def test_a_unit_renews_with_the_key_that_it_has(any_desk):
    any_desk.admit()
    made = any_desk.ask(signed())
    assert (made.name, made.public) == ("cp-01", NEW.public_key().public_bytes_raw())
    assert made.to_ms == NOW_MS + 730 * DAY_MS
    assert ("cp-01", made.kid) in any_desk.roll()
    assert any_desk.registrar.serve(NOW_MS) == 0


def test_a_code_gets_a_certificate_once(any_desk):
    code = give_code(any_desk.store, "cp-01", 24, NOW_MS)
    assert any_desk.ask(by_code(code)).name == "cp-01"
    assert any_desk.ask(by_code(code, OLD)) == "its code was used already"


def test_a_unit_that_slept_past_its_end_comes_back_with_a_code(desk):
    desk.admit(days=-1)
    code = give_code(desk.store, "cp-01", 1, NOW_MS)
    assert desk.ask(by_code(code, OLD)).public == OLD.public_key().public_bytes_raw()


def test_a_unit_that_was_revoked_comes_back_with_a_code_alone(desk):
    desk.admit()
    with desk.store.changing() as connection:
        assert strike_out(connection, "cp-01", "stolen", NOW_MS) == 1
    assert "not signed by a key of cp-01 that counts" in desk.ask(signed())
    assert desk.ask(by_code(give_code(desk.store, "cp-01", 1, NOW_MS))).name == "cp-01"


REFUSED = {
    "unsigned": (lambda: codec.encode(CertRequest(1, signing_request(NEW, "cp-01"))), "neither"),
    "with its new key": (lambda: signed(NEW), "not signed by a key of cp-01"),
    "with a stranger's key": (
        lambda: signed(Ed25519PrivateKey.generate()),
        "not signed by a key of cp-01",
    ),
    "for another unit": (lambda: signed(unit="cp-02", topic=topics.csr("cp-01")), "for 'cp-02'"),
    "with another unit's key": (lambda: signed(OTHER), "not signed by a key of cp-01"),
    "signed for another topic": (
        lambda: signed(topic=topics.hello("cp-01")),
        "not signed by a key of cp-01",
    ),
    "changed on the way": (
        lambda: unpack(signed()).replace(b'{"v":1', b'{"v": 1'),
        "not signed by a key of cp-01",
    ),
    "no message": (lambda: b"{}", "missing required field"),
    "a proof of nothing": (lambda: by_code("00000-00000-00000-00000"), "no code of this unit"),
}
OTHER = Ed25519PrivateKey.generate()


@pytest.mark.parametrize("how", REFUSED)
def test_who_gets_none(desk, how):
    desk.admit()
    desk.admit(OTHER, "cp-02")
    give_code(desk.store, "cp-01", 24, NOW_MS)
    message, why = REFUSED[how]
    held = desk.roll()
    assert why in desk.ask(message())
    assert desk.roll() == held


def test_a_key_that_another_authority_certified(desk):
    desk.admit(issuer=new_issuer("test", NOW_MS))
    assert "not signed by a key of cp-01 that counts" in desk.ask(signed())


def test_a_code_is_for_its_unit_and_its_time_and_the_newest_alone(desk):
    first = give_code(desk.store, "cp-01", 24, NOW_MS)
    second = give_code(desk.store, "cp-01", 1, NOW_MS)
    other = give_code(desk.store, "cp-02", 1, NOW_MS)
    assert desk.ask(by_code(first)) == desk.ask(by_code(other)) == "no code of this unit proves it"
    assert desk.ask(by_code(second), now_ms=NOW_MS + HOUR_MS) == "its code is over"


def test_a_proof_covers_its_request(desk):
    code = give_code(desk.store, "cp-01", 24, NOW_MS)
    own, stolen = signing_request(NEW, "cp-01"), signing_request(OTHER, "cp-01")
    message = CertRequest(1, stolen, proof(proof_key(meant(code)), own))
    assert desk.ask(codec.encode(message)) == "no code of this unit proves it"
    assert desk.ask(by_code(code)).name == "cp-01"


def test_one_that_asks_all_day_long_gets_no_more_until_the_next(desk):
    desk.admit()
    for _ in range(MOST_A_DAY):
        assert desk.ask(signed(key=Ed25519PrivateKey.generate())).name == "cp-01"
    assert desk.ask(signed()) == f"it got {MOST_A_DAY} certificates within a day"
    again = signed(key=Ed25519PrivateKey.generate())
    assert desk.ask(again, now_ms=NOW_MS + DAY_MS).name == "cp-01"


def test_a_request_that_two_serve_at_once_is_answered_once(desk):
    desk.admit()
    made = desk.ask(signed())
    waiting = Registrar(desk.store, desk.issuer, 30)
    assert waiting.serve(NOW_MS) == 0
    assert [kid for _, kid in desk.roll()].count(made.kid) == 1


def test_old_requests_go_and_certificates_stay(desk):
    desk.admit()
    made = desk.ask(signed())
    desk.registrar.tidy(NOW_MS + KEEP_MS)
    with desk.store.reading() as connection:
        assert len(connection.execute(sa.select(requests)).all()) == 1
    desk.registrar.tidy(NOW_MS + KEEP_MS + 1)
    with desk.store.reading() as connection:
        assert connection.execute(sa.select(requests)).all() == []
    assert ("cp-01", made.kid) in desk.roll()


# What the broker is told of codes


def test_the_code_itself_is_kept_nowhere(desk):
    code = give_code(desk.store, "cp-01", 24, NOW_MS)
    with desk.store.reading() as connection:
        row = connection.execute(sa.select(codes)).one()
    for secret in (code, meant(code)):
        assert secret not in str(row)
        assert secret not in passwords(desk.store, NOW_MS)


def test_a_code_opens_the_broker_until_a_while_after_its_use_or_its_end(desk):
    code = give_code(desk.store, "cp-01", 24, NOW_MS)
    give_code(desk.store, "cp-02", 1, NOW_MS)
    assert [line.partition(":")[0] for line in passwords(desk.store, NOW_MS).splitlines()] == [
        "cp-01",
        "cp-02",
    ]
    assert passwords(desk.store, NOW_MS + HOUR_MS).count("\n") == 1
    desk.ask(by_code(code))
    assert passwords(desk.store, NOW_MS + GRACE_MS - 1).startswith("cp-01:$7$101$")
    assert "cp-01" not in passwords(desk.store, NOW_MS + GRACE_MS)
