"""What a unit is told of its cards: only the keys it needs, sealed to it alone, and no UID in clear."""

import msgspec
import pytest

from device.cards import CardCiphers
from device.own_key import own_key
from gateway.roster import RosterBadge, RosterDuty, Wanted, for_unit
from wire.cards.digest import card_digest
from wire.cards.keyfile import SiteKeys
from wire.seal import public_of
from wire.words import Fault

TAG, FIRE, GONE, OLD = "04de5f1eacc040", "04c767f2066180", "04996c6a926980", "041e3c8a2d6b80"
SITE = SiteKeys(bytes(range(16)))
WANTED = Wanted(
    badges=[
        RosterBadge(TAG, "a", card="ntag424"),
        RosterBadge(FIRE, "b", card="desfire", welfare_s=600),
        RosterBadge(GONE, "c", revoked=True, card="ntag424"),
        RosterBadge(OLD, "d", valid_to_ms=1, card="ntag424"),
    ],
    duties=[RosterDuty("04000001", "patrol")],
    repeat_s=3.0,
)
PLAIN = Wanted(badges=[RosterBadge(TAG, "a")])


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "unit.key"


@pytest.fixture
def public(key_file):
    """The public key of `cp-1`."""
    return public_of(own_key(key_file))


@pytest.fixture
def told(public):
    return for_unit(WANTED, "cp-1", public, SITE)


def test_the_unit_opens_what_was_sealed_for_it(told, key_file):
    keys = CardCiphers("cp-1", key_file).open(told.card_keys)
    assert (set(keys.sun), set(keys.desfire), set(keys.ev2)) == ({TAG}, {FIRE}, set())
    assert [badge.card for badge in told.badges] == [
        card_digest(keys.roster, uid) for uid in (TAG, FIRE, GONE, OLD)
    ]
    assert told.duties[0].card == card_digest(keys.roster, "04000001")


def test_all_else_is_as_it_is_wanted(told):
    assert told.repeat_s == 3.0
    assert [(b.person, b.revoked, b.valid_to_ms, b.welfare_s) for b in told.badges] == [
        ("a", False, None, None),
        ("b", False, None, 600),
        ("c", True, None, None),
        ("d", False, 1, None),
    ]


def test_no_key_and_no_uid_stands_there_in_clear(told, key_file):
    keys = CardCiphers("cp-1", key_file).open(told.card_keys)
    said = msgspec.json.encode(told).decode() + repr(told)
    secret = [SITE.master, keys.roster, *keys.sun.values(), *keys.desfire.values()]
    assert not any(key.hex() in said for key in secret)
    assert not any(uid in said for uid in (TAG, FIRE, GONE, OLD, "04000001"))


def test_another_unit_opens_nothing(told, key_file, tmp_path):
    own_key(key_file)
    for name, key in (("cp-2", "unit.key"), ("cp-1", "other.key")):
        with pytest.raises(Fault, match="cannot be opened"):
            CardCiphers(name, tmp_path / key).open(told.card_keys)


def test_each_time_the_digests_are_others(told, public):
    again = for_unit(WANTED, "cp-1", public, SITE)
    assert not {b.card for b in told.badges} & {b.card for b in again.badges}


def test_plain_cards_need_no_site_key_and_no_cards_no_key_at_all(public):
    assert for_unit(PLAIN, "cp-1", public, None).card_keys
    assert for_unit(Wanted(place="p"), "cp-1", "", None).card_keys is None


def test_what_is_wanting_is_said(public):
    with pytest.raises(Fault, match=r"no \[cards\] keys"):
        for_unit(WANTED, "cp-1", public, None)
    with pytest.raises(Fault, match="no X25519 key"):
        for_unit(PLAIN, "cp-1", "", None)


def test_a_card_whose_uid_gives_no_key_is_refused(public):
    short = Wanted(badges=[RosterBadge("04a1b2c3", "a", card="ntag424")])
    with pytest.raises(Fault, match="7 bytes"):
        for_unit(short, "cp-1", public, SITE)
