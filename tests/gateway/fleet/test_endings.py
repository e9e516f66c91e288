"""Who is put out where, and when: with brokers of three lines; a real one is tried beside the authority's process."""

import pytest

from gateway.config import BrokerSection
from gateway.fleet import endings
from gateway.fleet.endings import AGAIN_MS, Endings
from gateway.fleet.revocation import Away
from gateway.fleet.roll import out_lately, strike_out
from gateway.store.schema import certificates
from wire.words import Fault

NEAR, FAR = BrokerSection("near"), BrokerSection("far")


@pytest.fixture
def ask(monkeypatch):
    """`tried`: whom the brokers were asked to put out; `fails`: what they answer instead."""

    class Asked:
        def __init__(self):
            self.tried, self.fails, self.at_ms = [], {}, 1000
            self.endings = Endings([NEAR, FAR], lambda: None, lambda: self.at_ms)

        def end(self, broker, tls, unit):
            del tls
            self.tried.append((unit, broker.host))
            fault = self.fails.get(broker.host) or self.fails.get(unit)
            if fault:
                raise fault("不行", "no")

        def looks(self, count):
            before = len(self.tried)
            for _ in range(count):
                self.endings.look()
            return self.tried[before:]

    asked = Asked()
    monkeypatch.setattr(endings, "end_session", asked.end)
    return asked


def test_at_every_broker_one_at_a_look(ask, caplog):
    ask.endings.add({"cp-02", "cp-01"})
    assert ask.looks(1) == [("cp-01", "near")]
    assert "is ended" not in caplog.text
    assert ask.looks(1) == [("cp-01", "far")]
    assert "cp-01 was revoked: on the list now, and its session is ended" in caplog.text
    assert ask.looks(9) == [("cp-02", "near"), ("cp-02", "far")]


def test_a_broker_that_is_away_is_asked_once_for_all_of_them(ask):
    ask.fails["near"] = Away
    ask.endings.add({"cp-01", "cp-02", "cp-03"})
    near, *far = ask.looks(20)
    assert near == ("cp-01", "near")
    assert far == [(unit, "far") for unit in ("cp-01", "cp-02", "cp-03")]
    ask.at_ms += AGAIN_MS
    assert len(ask.looks(20)) == 1
    ask.fails.clear()
    ask.at_ms += AGAIN_MS
    assert {*ask.looks(20)} == {(unit, "near") for unit in ("cp-01", "cp-02", "cp-03")}


def test_a_unit_that_comes_back_holds_up_no_other(ask):
    ask.fails["cp-01"] = Fault
    ask.endings.add({"cp-01", "cp-02"})
    assert len(ask.looks(20)) == 4
    ask.at_ms += AGAIN_MS
    assert ask.looks(20) == [("cp-01", "near"), ("cp-01", "far")]


def test_who_may_have_a_session_still_is_bounded(site, site_store):
    for unit in ("cp-01", "cp-02", "cp-03", "cp-04"):
        site.unit(site_store, unit)
    struck = {"cp-01": 100, "cp-02": 300, "cp-03": 300, "never-seen": 300}
    with site_store.changing() as connection:
        connection.execute(certificates.update().values(first_ms=50))
        for unit, at_ms in struck.items():
            strike_out(connection, unit, "stolen", at_ms)
    site.unit(site_store, "cp-03")
    with site_store.reading() as connection:
        assert out_lately(connection, 200) == {"cp-02", "never-seen"}
        assert out_lately(connection, 400) == set()
    with site_store.changing() as connection:
        mine = certificates.c.unit == "cp-01"
        connection.execute(certificates.update().where(mine).values(first_ms=250))
        assert out_lately(connection, 200) == {"cp-01", "cp-02", "never-seen"}
