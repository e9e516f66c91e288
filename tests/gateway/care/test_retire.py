"""`xunkong fleet retire`: wiped where it answers, put out in any case, and what else is to be changed."""

import re

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config import load
from gateway.fleet import revoke_commands
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.by_hand import key_folder
from gateway.fleet.codes import give_code, passwords
from gateway.fleet.roll import Asked, entries, issue, strike_out
from gateway.orders import listed
from gateway.roster import RosterBadge, Wanted
from gateway.store.schema import certificates
from gateway.unit_config import push
from wire.cards.keyfile import SiteKeys


@pytest.fixture(autouse=True)
def ended(monkeypatch):
    """Whose sessions were ended: the broker itself is tried in `tests/test_care.py`."""
    units = []
    monkeypatch.setattr(revoke_commands, "_end_sessions", lambda c, f, unit: units.append(unit))
    return units


@pytest.fixture
def papers(site):
    """cp-01 and v-01 have certificates, and a code each."""
    path, store = site
    for unit in ("cp-01", "v-01"):
        asked = Asked(unit, Ed25519PrivateKey.generate().public_key(), "log-in", 30)
        with store.changing() as connection:
            issue(connection, key_folder(load(path)).issuer(), asked, now_ms())
        give_code(store, unit, 1, now_ms())
    return store


def done(order):
    return [{"outcome": "received"}, {"outcome": "done", "why": "keys wiped, off duty"}]


def test_wiped_and_put_out(papers, rows, typed, answering, monkeypatch, ended):
    answering(monkeypatch, done)
    (row,) = rows("retire", "cp-01", "--why", "scrapped")
    assert (row["outcome"], row["wiped"], row["revoked"], row["todo"]) == ("done", True, 1, [])
    assert ended == ["cp-01"]
    assert [one.why for one in entries(papers, "cp-01")] == ["scrapped"]
    assert list(passwords(papers, now_ms())[:4]) == list("v-01")
    assert [row["unit"] for row in rows("list")] == ["cp-02", "v-01"]
    assert rows("list", "--all")[0]["retired"] == "scrapped"
    assert "retired       scrapped" in typed("show", "cp-01")[1]


def test_with_new_papers_it_is_back(site, papers, rows):
    rows("retire", "v-01", "--why", "scrapped")
    assert "v-01" not in [row["unit"] for row in rows("list")]
    asked = Asked("v-01", Ed25519PrivateKey.generate().public_key(), "log-in", 30)
    with papers.changing() as connection:
        issue(connection, key_folder(load(site[0])).issuer(), asked, now_ms() + 1000)
    assert "v-01" in [row["unit"] for row in rows("list")]


def test_a_stolen_one_is_not_waited_for(site, papers, typed, ended):
    badges = [RosterBadge("04a1b2c3d4e5f6", "p-1", card="ntag424"), RosterBadge("04a1b2c3", "p-2")]
    push(site[1], "cp-01", Wanted(badges=badges), SiteKeys(bytes(16), 1))
    words = ("retire", "cp-01", "--why", "stolen", "--stolen")
    code, out, _ = typed(*words)
    assert code == 0
    assert ended == ["cp-01"]
    assert listed(site[1]) == []
    assert "cp-01: not wiped (--stolen); 1 certificates are revoked" in out
    assert (
        "it held the keys of 1 cards (not the master key): a new master key by xunkong card keys next"
        in out
    )
    assert "the site's PICC key" in out
    assert "2 badges as digests" in out
    assert re.search("[\u4e00-\u9fff]", typed(*words, language="zh")[1])


def test_who_is_offline_is_put_out_at_once(site, papers, typed, ended):
    code, out, _ = typed("retire", "v-01", "--why", "wrecked")
    assert (code, ended, listed(site[1])) == (1, ["v-01"], [])
    assert "not wiped (offline)" in out


def test_who_is_out_and_still_on_line_is_put_out_again(site, papers, typed, rows, ended):
    """Its session could not be ended: the broker was away."""
    day_ms = 1_790_000_000_000  # 2026-09-21 in the site's zone
    with papers.changing() as connection:
        strike_out(connection, "cp-01", "stolen", day_ms)
    for words in (("--why", "stolen"), ("--why", "stolen", "--stolen")):
        code, out, err = typed("retire", "cp-01", *words)
        assert (code, err) == (0 if "--stolen" in words else 1, "")
        assert "cp-01: out since 2026-09-21, not wiped now; 0 certificates are revoked" in out
    assert rows("retire", "cp-01", "--why", "x")[0]["out_since_ms"] == day_ms
    assert (ended, listed(site[1])) == (["cp-01"] * 3, [])


def test_who_does_not_answer_is_put_out_all_the_same(site, papers, typed, ended):
    code, out, _ = typed("retire", "cp-01", "--why", "scrapped", "--wait", "1")
    assert (code, ended) == (1, ["cp-01"])
    assert "no answer" in out


def test_without_the_authority_s_key_nothing_is_wiped(site, papers, typed):
    (key_folder(load(site[0])).path / "ca.key").unlink()
    code, out, err = typed("retire", "cp-01", "--why", "scrapped")
    assert (code, out) == (2, "")
    assert "ca.key" in err
    assert listed(site[1]) == []
    with site[1].reading() as connection:
        query = sa.select(certificates.c.unit).where(certificates.c.revoked_ms.is_not(None))
        assert "cp-01" not in connection.execute(query).scalars().all()


def test_nobody_is_retired_by_a_slip(typed):
    assert "no unit 'cp-77'" in typed("retire", "cp-77", "--why", "x")[2]
