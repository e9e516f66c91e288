"""The broker as it is set up holds against each attempt, and a badly set up one is found out."""

import re
import threading

import pytest

from gateway.fleet.broker_check import attempts
from gateway.fleet.broker_files import UNITS_ACL
from gateway.fleet.broker_folder import BrokerFolder
from gateway.fleet.roll import entries
from gateway.fleet.worker import AuthorityWorker
from sim.broker import SiteBroker, find_mosquitto
from sim.city import wait_for
from wire.words import Fault

NAMES = [
    "plain TCP",
    "no certificate",
    "a certificate of an unknown authority",
    "a certificate that is over",
    "the signing certificate, to log in",
    "the server's certificate, to log in",
    "TLS 1.1",
    "where certificates are given: a wrong code",
    "to write on another unit's topic",
    "a last will on another unit's topic",
    "to subscribe to xk/v1/broker-check-2/down/#",
    "to subscribe to #",
    "another unit's client id, to end its session",
    "more than 263168 bytes at once",
]


def broken(site, store):
    return {one.what.en: one.seen for one in attempts(site.config, store) if not one.held}


def test_the_broker_as_it_is_set_up_holds(site, site_store, broker):
    tried = list(attempts(site.config, site_store))
    assert [one.what.en for one in tried] == NAMES
    assert {one.what.en: one.seen for one in tried if not one.held} == {}
    log = broker.log.read_text()
    for recorded in (
        "wrong version number",
        "peer did not return a certificate",
        "certificate verify failed",
        "unsupported protocol",
        "not authorised",
    ):
        assert recorded in log


def test_the_units_of_the_check_are_on_the_roll_and_out(site, site_store, broker):
    list(attempts(site.config, site_store))
    made = [one for one in entries(site_store) if one.unit.startswith("broker-check-")]
    assert len(made) == 3
    assert {one.why for one in made} == {"broker check"}


def test_an_authority_at_work_does_not_disturb_it(site, site_store, broker):
    """It puts out at once whoever bears a revoked certificate."""
    stop, authority = threading.Event(), AuthorityWorker(site.config, site_store)
    thread = threading.Thread(target=authority.run, args=(stop,))
    thread.start()
    try:
        assert [one.what.en for one in attempts(site.config, site_store) if not one.held] == []
        assert wait_for(lambda: len(site.keys.revocations() or ()) == 3, 20)
    finally:
        stop.set()
        thread.join(30)


def test_a_check_that_was_broken_off_leaves_nobody_in(site, site_store, broker):
    tried = attempts(site.config, site_store)
    next(tried)
    tried.close()
    assert {one.why for one in entries(site_store) if one.unit.startswith("broker-check-")} == {
        "broker check"
    }


@pytest.fixture
def spoilt(site):
    """Runs the site's broker with one of its files changed."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    running = []

    def run(name, pattern, text):
        one = SiteBroker(site.toml)
        path = BrokerFolder(site.config).path / name
        changed, times = re.subn(pattern, text, path.read_text())
        assert times
        path.write_text(changed)
        running.append(one.start())

    yield run
    for one in running:
        one.stop()


SPOILT = {
    "an ACL that forgets whose topic it is": (
        (UNITS_ACL, "(?m)^pattern .*%u.*$", "pattern readwrite xk/v1/#"),
        {
            "to write on another unit's topic",
            "a last will on another unit's topic",
            "to subscribe to xk/v1/broker-check-2/down/#",
            "to subscribe to #",
        },
    ),
    "client ids left to the client": (
        ("mosquitto.conf", "use_username_as_clientid true", "use_username_as_clientid false"),
        {"another unit's client id, to end its session"},
    ),
    "no limit on size": (
        ("mosquitto.conf", "max_packet_size .*", "max_packet_size 100000000"),
        {"more than 263168 bytes at once"},
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_broker_that_is_set_up_badly_is_found_out(site, site_store, spoilt, how):
    change, found = SPOILT[how]
    spoilt(*change)
    assert set(broken(site, site_store)) == found


def test_a_broker_that_lets_in_without_a_certificate_is_found_out(
    site, site_store, spoilt, monkeypatch
):
    monkeypatch.setattr("gateway.fleet.visitor.ANSWER_S", 0.9)
    spoilt(
        "mosquitto.conf",
        r"allow_anonymous false|require_certificate true\n|use_username_as_clientid true\n"
        r"|crlfile .*\n|use_identity_as_username true\n",
        lambda at: "allow_anonymous true" if "anonymous" in at[0] else "",
    )
    assert {"no certificate", "a certificate of an unknown authority"} <= set(
        broken(site, site_store)
    )


def test_nothing_can_be_said_of_a_broker_that_takes_nobody(site, site_store):
    with pytest.raises(Fault, match=r"does not take valid certificates: .*; see that it runs with"):
        list(attempts(site.config, site_store))
