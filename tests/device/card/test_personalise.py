"""A card made the site's: each command may be the last one, and the next run finishes; others' cards stay."""

from itertools import count, product

import pytest

from device.card.personalise import carry_out, keys_of, survey, wanted
from device.card.proofs import prove
from device.card.reader import Held
from hardware.cards.twin.ntag424 import Ntag424
from hardware.errors import CardGone
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import card_keys
from wire.words import Fault

UID = "04de5f1eacc040"
SITE = SiteKeys(bytes(range(16)), 3)
ALL = ("ndef", "settings", "key 4", "key 3", "key 2", "key 1", "key 0")
KEYS = card_keys(SITE.master, UID)
WANTED = wanted(SITE, KEYS, "https://patrol.example/t")


def run(exchange):
    did = []
    carry_out(survey(exchange, WANTED), did.append)
    return tuple(did)


def holds(card):
    card.activated()
    return [one.failed for one in prove(Held(UID, 0x20, card.exchange), KEYS)] == [None, None]


def test_a_new_card_becomes_the_sites_and_then_nothing_is_left(ntag):
    assert run(ntag.exchange) == ALL
    assert (tuple(ntag.keys), set(ntag.versions)) == (KEYS.slots, {SITE.version})
    assert holds(ntag)
    assert run(ntag.exchange) == ()


def test_the_survey_changes_nothing_and_counts_no_reading(ntag, state):
    before = state(ntag)
    assert survey(ntag.exchange, WANTED).left == ALL
    assert state(ntag) == before
    run(ntag.exchange)
    after = state(ntag)
    assert survey(ntag.exchange, WANTED).left == ()
    assert state(ntag) == after


def _commands():
    card, sent = Ntag424(bytes.fromhex(UID)), count(1)
    last = 0

    def counting(command):
        nonlocal last
        last = next(sent)
        return card.exchange(command)

    run(counting)
    return last


@pytest.mark.parametrize(("at", "lost"), list(product(range(1, _commands() + 1), [False, True])))
def test_torn_away_at_any_command_the_next_run_finishes(ntag, at, lost, torn):
    card = torn(ntag, at, lost)
    with pytest.raises(CardGone):
        run(card.heard)
    ntag.activated()
    run(ntag.exchange)
    assert survey(ntag.exchange, WANTED).left == ()
    assert holds(ntag)


def test_another_url_is_written_anew_with_the_sites_own_keys(ntag):
    run(ntag.exchange)
    other = wanted(SITE, KEYS, "https://other.example/t")
    work = survey(ntag.exchange, other)
    assert work.left == ("ndef", "settings")
    carry_out(work, lambda step: None)
    assert holds(ntag)


@pytest.mark.parametrize("slot", range(5))
def test_a_foreign_key_stops_it_before_anything_is_changed(ntag, slot, state):
    """Each by the version of a new card, of ours, and another's."""
    for version in (0, SITE.version, 77):
        ntag.keys[slot], ntag.versions[slot] = b"f" * 16, version
        before = state(ntag)
        with pytest.raises(Fault, match=f"key {slot} is neither"):
            run(ntag.exchange)
        assert state(ntag) == before


def test_settings_of_a_form_that_is_not_ours_are_replaced(ntag):
    def odd(command):
        said = ntag.exchange(command)
        return said[:1] + b"\xff" + said[2:] if command[1] == 0xF5 else said

    assert "settings" in survey(odd, WANTED).left


@pytest.mark.parametrize("url", ["https://x.example/?a", "https://x.example/" + "a" * 186, "巡"])
def test_a_url_that_does_not_go_on_a_card(url):
    with pytest.raises(Fault, match="does not go on a card"):
        wanted(SITE, KEYS, url)


def test_the_longest_url_that_fits(ntag):
    most = wanted(SITE, KEYS, "https://x.example/" + "a" * 185)
    assert len(most.content) == 256
    carry_out(survey(ntag.exchange, most), lambda step: None)
    assert holds(ntag)


def test_cards_that_no_keys_are_made_for(ntag):
    with pytest.raises(Fault, match="no NTAG 424 DNA"):
        keys_of(Held(UID, 0x00, ntag.exchange), SITE)
    with pytest.raises(Fault, match="a random one"):
        keys_of(Held("08a1b2c3", 0x20, ntag.exchange), SITE)
