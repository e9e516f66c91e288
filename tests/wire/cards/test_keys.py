"""Each card has keys of its own, and what a unit gets of them makes no other card."""

import pytest

from wire.cards.diversify import diversify
from wire.cards.keys import DESFIRE, NTAG424, card_keys, meta_key

MASTER = bytes.fromhex("00112233445566778899aabbccddeeff")
UID = "04de5f1eacc040"


def test_all_keys_are_different_but_the_sites_own():
    one, other = card_keys(MASTER, UID), card_keys(MASTER, "04de5f1eacc041")
    assert len({*one.slots, *other.slots}) == 9
    assert one.meta == other.meta == meta_key(MASTER)


def test_a_slot_is_an10922_over_uid_application_system_and_slot():
    card = bytes.fromhex(UID) + bytes(3) + b"xunkong" + b"\x03"
    assert card_keys(MASTER, UID, NTAG424).auth == diversify(MASTER, card)
    assert card_keys(MASTER, UID, DESFIRE).auth != diversify(MASTER, card)


def test_what_verifies_sun():
    keys = card_keys(MASTER, UID)
    assert (keys.sun.meta, keys.sun.file) == (keys.meta, keys.file)


@pytest.mark.parametrize("uid", ["deadbeef", "", "04de5f1eacc04000010203", "zz"])
def test_a_card_without_a_uid_of_7_bytes_has_no_keys(uid):
    with pytest.raises(ValueError, match=r"7 bytes|hex"):
        card_keys(MASTER, uid)


def test_keys_are_not_shown():
    assert "b'" not in repr(card_keys(MASTER, UID))
