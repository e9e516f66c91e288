"""A unit's card keys: which it gets, and how they travel."""

import pytest

from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys, meta_key
from wire.cards.ring import NO_KEYS, KeyRing, decode, encode, ring, site_ring
from wire.words import Fault

MASTER = bytes(range(16))
TAG, FIRE, PLAIN = "04de5f1eacc040", "04c767f2066180", "04a1b2c3"
CARDS = ((TAG, "ntag424"), (FIRE, "desfire"), (PLAIN, "uid"))


def test_each_card_gives_one_proof_and_each_key_is_that_cards_own():
    keys = ring(MASTER, CARDS, "sun", meta=True)
    assert keys.sun == {TAG: card_keys(MASTER, TAG).file}
    assert keys.desfire == {FIRE: card_keys(MASTER, FIRE, "desfire").auth}
    assert keys.meta == meta_key(MASTER)


def test_where_ev2_is_demanded_no_sun_key_goes_out():
    keys = ring(MASTER, CARDS, "ev2", meta=True)
    assert (keys.sun, keys.meta) == ({}, None)
    assert keys.ev2[TAG] == card_keys(MASTER, TAG).auth


def test_no_card_that_proves_itself_is_no_key():
    assert not ring(MASTER, [(PLAIN, "uid")], "ev2", meta=True)
    assert ring(MASTER, [(PLAIN, "uid")], "uid", meta=True) == NO_KEYS


def test_the_master_and_the_key_to_change_a_card_never_leave():
    text = encode(ring(MASTER, CARDS, "sun", meta=True))
    assert MASTER not in text
    assert card_keys(MASTER, TAG).change not in text


def test_there_and_back():
    keys = ring(MASTER, CARDS, "sun", meta=True)
    assert decode(encode(keys)) == keys


def test_while_cards_are_moved_a_unit_has_the_keys_by_both_masters():
    old = bytes(reversed(MASTER))
    keys = site_ring(SiteKeys(MASTER, 8, (SiteKeys(old, 7),)), CARDS, "sun", meta=True)
    assert (keys.version, [one.version for one in keys.earlier]) == (8, [7])
    assert keys.sun == ring(MASTER, CARDS, "sun", meta=True).sun
    assert keys.earlier[0].sun == ring(old, CARDS, "sun", meta=True).sun
    assert decode(encode(keys)) == keys


def test_one_master_is_as_before():
    """Also in bytes, so that units of an earlier version take it."""
    now = encode(site_ring(SiteKeys(MASTER), CARDS, "sun", meta=True))
    assert now == encode(ring(MASTER, CARDS, "sun", meta=True))


@pytest.mark.parametrize(
    "text", [b"", b"\xc1", b"\x81\xa3sun\x81\xa804a1b2c3\xc4\x01k", b"\x90", b"\x81\xa3s\xffn\x80"]
)
def test_what_it_is_not_is_refused_and_not_shown(text):
    with pytest.raises(Fault, match="not what this version knows") as caught:
        decode(text)
    assert caught.value.__cause__ is None


def test_it_does_not_show_itself():
    assert repr(KeyRing({TAG: bytes(16)}, {}, {}, bytes(16))) == "KeyRing(1 sun, 0 ev2, 0 desfire)"
