"""Revoked: out at once, at the gateway, at the door, and where it already sits. With a real mosquitto over TLS."""

import shutil

import pytest
import sqlalchemy as sa

import xunkong
from gateway import cli
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.fleet.certificates import Revoked, new_issuer, revocation_list
from gateway.fleet.revocation import Away, end_session, publish_list, recall_list
from gateway.fleet.roll import entries, strike_out
from gateway.fleet.visitor import TurnedAway
from gateway.store.schema import certificates
from wire import topics
from wire.words import Fault

UP = topics.hello("cp-01")


def revoke(site, store, unit="cp-01"):
    with store.changing() as connection:
        strike_out(connection, unit, "stolen", now_ms())
    return publish_list(site.keys, store)


def test_a_live_session_is_ended_and_its_unit_not_let_in_again(site, site_store, broker):
    tls, *_ = site.unit(site_store, "cp-01")
    other, *_ = site.unit(site_store, "cp-02")
    with site.visit("cp-01", tls) as unit, site.visit("cp-02", other) as bystander:
        revoke(site, site_store)
        assert BrokerFolder(site.config).reload()
        assert unit.say(UP, b"a new list alone does not end a session")
        end_session(site.config.broker[0], site.keys.login, "cp-01")
        assert unit.gone.wait(10)
        with pytest.raises(TurnedAway), site.visit("cp-01", tls):
            pass
        assert bystander.say(topics.hello("cp-02"), b"1")
    assert "certificate verify failed" in broker.log.read_text()


def test_a_unit_that_is_let_in_again_is_found_out(site, site_store, broker, monkeypatch):
    """The list is not used: somebody forgot to have the broker read it."""
    monkeypatch.setattr("gateway.fleet.revocation.HOLD_S", 30.0)
    tls, *_ = site.unit(site_store, "cp-01")
    monkeypatch.setattr("gateway.fleet.revocation.TRIES", 2)
    with site.visit("cp-01", tls) as unit:
        unit.client._reconnect_on_failure = True
        said = "it comes back again and again: the broker does not use"
        with pytest.raises(Fault, match=said) as caught:
            end_session(site.config.broker[0], site.keys.login, "cp-01")
        assert not isinstance(caught.value, Away), "others can be put out there"


def test_a_second_revocation_within_a_second_counts_too(site, site_store, broker):
    for name in ("cp-01", "cp-02"):
        tls, *_ = site.unit(site_store, name)
        revoke(site, site_store, name)
        BrokerFolder(site.config).reload()
        end_session(site.config.broker[0], site.keys.login, name)
        with pytest.raises(TurnedAway), site.visit(name, tls):
            pass


def test_a_session_that_tls_remembers_does_not_come_back(site, site_store, broker):
    """Resumption shows no certificate again."""
    tls, *_ = site.unit(site_store, "cp-01")
    with site.visit("cp-01", tls) as unit:
        unit.say(UP, b"1")
        remembered = unit.client.socket().session
    assert remembered is not None and remembered.has_ticket
    revoke(site, site_store)
    BrokerFolder(site.config).reload()
    end_session(site.config.broker[0], site.keys.login, "cp-01")
    assert not resumed(site, tls, remembered)


def resumed(site, tls, session):
    """Whether a connection with a remembered session gets an answer to its CONNECT."""
    import socket

    port = site.config.mosquitto.units_port
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            tls.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as wrapped,
        ):
            wrapped.sendall(bytes.fromhex("100f00044d5154540402003c0003") + b"abc")
            return wrapped.recv(4) != b""
    except OSError:
        return False


def test_a_broker_that_is_away_is_told_of(site):
    away = site.config.broker[0]
    with pytest.raises(
        Away, match=r"cp-01 is revoked .* could not be ended: .*; look after the broker and run"
    ):
        end_session(away, site.keys.login, "cp-01")


def test_no_broker_of_ours_runs(site, tmp_path):
    folder = BrokerFolder(site.config)
    assert not folder.reload()
    (folder.path / "mosquitto.pid").write_text("1")
    assert not folder.reload()


# The list


def test_each_list_is_later_than_the_one_before(site, site_store):
    numbers = [publish_list(site.keys, site_store).last_update_utc for _ in range(3)]
    assert numbers == sorted(set(numbers))
    assert site.keys.revocations().last_update_utc == numbers[-1]


def test_a_store_put_back_from_an_old_copy_learns_who_is_out(site, site_store, opened, tmp_path):
    _, _, known = site.unit(site_store, "cp-01")
    shutil.copy(site.folder / "store.db", tmp_path / "old.db")
    for suffix in ("-wal", "-shm"):
        if (wal := site.folder / f"store.db{suffix}").exists():
            shutil.copy(wal, tmp_path / f"old.db{suffix}")
    _, _, unknown = site.unit(site_store, "cp-02")
    for unit in ("cp-01", "cp-02"):
        revoke(site, site_store, unit)
    old = opened(f"sqlite:///{tmp_path / 'old.db'}")
    crl = publish_list(site.keys, old)
    assert {one.serial_number for one in crl} == {known.serial_number, unknown.serial_number}
    with old.reading() as connection:
        rows = connection.execute(
            sa.select(certificates).where(certificates.c.revoked_ms.is_not(None))
        ).all()
    assert {(row.unit, row.der is None) for row in rows} == {("cp-01", False), ("", True)}
    assert len(publish_list(site.keys, old)) == 2


def test_ingest_alone_learns_it_too(site, site_store, opened, tmp_path, monkeypatch):
    """The authority's key may lie elsewhere."""
    _, _, known = site.unit(site_store, "cp-01")
    crl = revocation_list(site.keys.issuer(), [Revoked(known.serial_number, now_ms())], 9)
    site.keys.put_revocations(crl)
    (site.keys.path / "ca.key").unlink()
    stop = cli.threading.Event()
    stop.set()
    monkeypatch.setattr(cli, "_until_told", lambda: stop)
    assert xunkong.main(["gateway", "ingest", "--config", str(site.toml)]) == 0
    assert [one.why for one in entries(site_store, "cp-01")] == ["known from the list alone"]


def test_a_list_of_another_site_is_not_believed(site, site_store):
    site.keys.put_revocations(revocation_list(new_issuer("another", now_ms()), (), 9))
    with pytest.raises(Fault, match="was not signed by this site; sign it anew"):
        recall_list(site.keys, site_store)


def test_the_roll_tells_what_each_certificate_is_for(site, site_store):
    site.unit(site_store, "cp-01")
    revoke(site, site_store)
    rows = {(row.unit, row.purpose, row.why) for row in entries(site_store)}
    assert rows == {
        ("Broker", "serve", None),
        ("gw", "log-in", None),
        ("gw", "sign", None),
        ("cp-01", "log-in", "stolen"),
    }
    assert [row.unit for row in entries(site_store, "cp-01")] == ["cp-01"]
