"""Whose signatures ingest believes: greetings that show a certificate, batches, revocations, and forgeries."""

import pytest

from gateway.fleet.broker_folder import now_ms
from gateway.fleet.roll import strike_out
from gateway.ingest.intake import Message
from gateway.ingest.registry import Registry, serial_text
from gateway.store.schema import certificates
from tests.keys import Site
from wire import chain, codec, topics
from wire.batch import encode_batch
from wire.live import Hello
from wire.orders import Ack, Refused

LOG = "e" * 16
SEAL = "ab" * 32


@pytest.fixture
def bench(bench_on, any_store, keys_site):
    return bench_on(any_store, Registry(keys_site.authority))


@pytest.fixture
def unit(keys_site):
    return keys_site.bearer("cp-01")


def greeting(key, cert, unit="cp-01", topic=None):
    hello = Hello(1, "ab" * 16, "9c1b22f0", [], cert, SEAL)
    return Message(topics.hello(unit), codec.encode_signed(hello, topic or topics.hello(unit), key))


def batch(log, key, unit="cp-01"):
    return Message(topics.log(unit, "event"), log.payload(key=key))


def revoke(store, bearer, site):
    serial = serial_text(bearer.read(site).serial)
    with store.changing() as connection:
        out = certificates.update().where(certificates.c.serial == serial)
        connection.execute(out.values(revoked_ms=1, why="stolen"))


def reasons(bench):
    return [row["reason"] for row in bench.table("quarantine")]


def test_a_unit_that_was_put_out_before_its_certificate_was_known_is_out(bench, unit, unit_log):
    with bench.store.changing() as connection:
        strike_out(connection, "cp-01", "stolen", now_ms())
    bench.take(greeting(unit, unit.text), batch(unit_log().grow(1), unit))
    bench.take(batch(unit_log().grow(2), unit))
    assert bench.kept() == []
    assert all("which is revoked" in reason for reason in reasons(bench))
    assert len(reasons(bench)) == 3


def test_one_made_after_its_unit_was_put_out_counts(bench, keys_site, unit_log):
    with bench.store.changing() as connection:
        strike_out(connection, "cp-01", "stolen", 1)
    unit = keys_site.bearer("cp-01")
    bench.take(greeting(unit, unit.text), batch(unit_log().grow(1), unit))
    assert len(bench.kept()) == 1


def test_a_greeting_brings_the_certificate_and_what_it_signs_is_taken(bench, unit, unit_log):
    bench.take(greeting(unit, unit.text))
    (said,) = bench.take(batch(unit_log().grow(2), unit))
    assert isinstance(said.what, Ack)
    assert said.what.next == 3
    (row,) = bench.table("certificates")
    assert (row["kid"], row["unit"], row["der"]) == (unit.kid, "cp-01", unit.der)
    assert [(r["unit"], r["public"]) for r in bench.table("unit_keys")] == [("cp-01", SEAL)]
    kept = bench.table("records")[-1]
    assert (kept["kid"], kept["batch_first"], len(kept["sig"])) == (unit.kid, 1, 86)


def test_the_store_remembers_certificates(bench_on, bench, unit, unit_log, keys_site):
    bench.take(greeting(unit, unit.text))
    again = bench_on(bench.store, Registry(keys_site.authority))
    assert again.acked(batch(unit_log().grow(1), unit)) == {LOG: 2}


def test_a_renewed_key_counts_beside_the_old_one(bench, unit, unit_log, keys_site):
    renewed, log = keys_site.bearer("cp-01"), unit_log().grow(1)
    bench.take(greeting(unit, unit.text), greeting(renewed, renewed.text))
    assert bench.acked(batch(log, unit)) == {LOG: 2}
    log.grow(1)
    assert bench.acked(batch(log, renewed)) == {LOG: 3}


@pytest.mark.parametrize(
    ("whose", "purpose", "why"),
    [("cp-02", "log-in", "is made for cp-02"), ("cp-01", "sign", "not made to log-in")],
)
def test_a_certificate_of_another_is_refused(bench, keys_site, whose, purpose, why):
    other = keys_site.bearer(whose, purpose)
    bench.take(greeting(other, other.text))
    assert why in reasons(bench)[0]
    assert bench.table("certificates") == []
    assert bench.intake.nonces == {}


def test_a_certificate_of_another_authority_is_refused(bench):
    stranger = Site().bearer("cp-01")
    bench.take(greeting(stranger, stranger.text))
    assert "signature is not the authority's" in reasons(bench)[0]


def test_a_greeting_signed_for_another_topic_is_refused(bench, unit):
    bench.take(greeting(unit, unit.text, topic=topics.hello("cp-02")))
    assert reasons(bench) == ["its signature does not hold"]


def test_what_nobody_signed_is_refused(bench, unit, unit_log, hello):
    bench.take(greeting(unit, unit.text))
    (said,) = bench.take(unit_log().grow(1).message())
    assert isinstance(said.what, Refused)
    bench.take(hello("cp-01"))
    assert reasons(bench) == ["it is not signed"] * 2
    assert bench.kept() == []


def test_what_a_strange_key_signed_is_refused(bench, unit, unit_log):
    (said,) = bench.take(batch(unit_log().grow(1), unit))
    assert (
        said.what.refused == f"signed with key {unit.kid}, which no certificate of this site bears"
    )


def test_a_batch_signed_by_another_unit_is_refused(bench, unit, unit_log, keys_site):
    other = keys_site.bearer("cp-02")
    bench.take(greeting(unit, unit.text), greeting(other, other.text, "cp-02"))
    (said,) = bench.take(batch(unit_log().grow(1), other))
    assert said.what.refused == "signed with the key of cp-02"


def test_a_changed_a_removed_and_a_moved_record_are_refused(bench, unit, unit_log):
    log = unit_log().grow(3)
    bench.take(greeting(unit, unit.text))
    text = chain.signed_text("cp-01", "event", LOG, 1, chain.START, 3, log.hs[3])
    signature = (unit.kid, unit.sign(text))
    changed = [log.raws[0].replace(b"04a1b2c3", b"04a1b2c4"), *log.raws[1:]]
    for raws in (changed, log.raws[:2], [*log.raws[1:], log.raws[0]]):
        forged = encode_batch(LOG, 1, chain.START, raws, signature)
        (said,) = bench.take(Message(topics.log("cp-01", "event"), forged))
        assert said.what.refused == "its signature does not hold"
    assert bench.kept() == []
    whole = encode_batch(LOG, 1, chain.START, log.raws, signature)
    assert bench.acked(Message(topics.log("cp-01", "event"), whole)) == {LOG: 4}


def test_a_revoked_key_is_out_at_once_and_what_it_signed_before_stays(
    bench, unit, unit_log, keys_site
):
    log = unit_log().grow(1)
    bench.take(greeting(unit, unit.text), batch(log, unit))
    revoke(bench.store, unit, keys_site)
    log.grow(1)
    (said,) = bench.take(batch(log, unit))
    assert said.what.refused == f"signed with key {unit.kid}, which is revoked"
    assert len(bench.kept("cp-01")) == 1
    bench.take(greeting(unit, unit.text))
    assert "revoked" in reasons(bench)[-1]
    (row,) = bench.table("certificates")
    assert row["why"] == "stolen"


def test_a_key_that_got_a_certificate_anew_counts_again_without_a_restart(
    bench, unit, unit_log, keys_site
):
    bench.take(greeting(unit, unit.text))
    revoke(bench.store, unit, keys_site)
    serial = unit.read(keys_site).serial
    anew = keys_site.bearer("cp-01", key=unit.key, serial=serial + (1 << 64))
    bench.take(greeting(anew, anew.text))
    assert bench.acked(batch(unit_log().grow(1), anew)) == {LOG: 2}
    bench.take(greeting(unit, unit.text))
    assert bench.table("certificates")[0]["why"] == "stolen"


def test_a_group_that_failed_admitted_nobody(bench, unit, unit_log):
    bench.fail_at = "ingest.before_commit"
    with pytest.raises(InterruptedError):
        bench.take(greeting(unit, unit.text))
    bench.fail_at = None
    (said,) = bench.take(batch(unit_log().grow(1), unit))
    assert "no certificate" in said.what.refused
