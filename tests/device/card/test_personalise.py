"""A card made the site's: each command may be the last one, and the next run finishes; others' cards stay."""

from itertools import count, product

import pytest
from msgspec.structs import replace

from device.card.personalise import carry_out, survey
from device.card.proofs import prove, version_on
from device.card.reader import Held
from device.card.wanted import FAMILIES, ndef_under, wanted
from hardware.cards.desfire import SETTINGS
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.errors import CardGone
from wire.cards.keyfile import SiteKeys
from wire.cards.keys import AIDS, DESFIRE, card_keys
from wire.words import Fault

UID = "04de5f1eacc040"
SITE = SiteKeys(bytes(range(16)), 3)
KEY_STEPS = ("key 4", "key 3", "key 2", "key 1", "key 0")
STEPS = {"ntag424": ("ndef", "settings", *KEY_STEPS), "desfire": ("application", *KEY_STEPS)}
URL = "https://patrol.example/t"
XK1 = AIDS[DESFIRE]
MADE = {"ntag424": Ntag424, "desfire": Desfire}


def wish(card, url=URL, site=SITE):
    """What the card is to become."""
    found = wanted(Held(UID, 0x20, card.exchange), site)
    return replace(found, ndef=ndef_under(url)) if found.family == "ntag424" else found


def run(card, exchange=None, site=SITE):
    wished, did = wish(card, site=site), []
    carry_out(survey(exchange or card.exchange, wished), did.append)
    return tuple(did)


def holds(card, site=SITE):
    card.activated()
    wished = wish(card, site=site)
    tried = prove(Held(UID, 0x20, card.exchange), wished.keys, wished.application)
    return [one.proof for one in tried if one.failed is None] == [one.proof for one in tried]


def keys_in(card):
    return card.applications[XK1] if isinstance(card, Desfire) else card


@pytest.fixture(params=list(STEPS))
def family(request):
    return request.param


@pytest.fixture
def card(family):
    """A new card of each family."""
    return MADE[family](bytes.fromhex(UID))


def test_a_new_card_becomes_the_sites_and_then_nothing_is_left(card, family):
    assert run(card) == STEPS[family]
    own, held = card_keys(SITE.master, UID, family), keys_in(card)
    assert (tuple(held.keys), set(held.versions)) == (own.slots, {SITE.version})
    assert holds(card)
    assert run(card) == ()


def test_the_survey_changes_nothing_and_counts_no_reading(card, family, state):
    before = state(card)
    assert survey(card.exchange, wish(card)).left == STEPS[family]
    assert state(card) == before
    run(card)
    after = state(card)
    assert survey(card.exchange, wish(card)).left == ()
    assert state(card) == after


def _commands(family):
    card, sent = MADE[family](bytes.fromhex(UID)), count(1)
    last = 0

    def counting(command):
        nonlocal last
        last = next(sent)
        return card.exchange(command)

    run(card, counting)
    return last


CUTS = [
    (family, at, lost)
    for family in STEPS
    for at, lost in product(range(1, _commands(family) + 1), [False, True])
]


@pytest.mark.parametrize(("kind", "at", "lost"), CUTS)
def test_torn_away_at_any_command_the_next_run_finishes(kind, at, lost, torn):
    card = MADE[kind](bytes.fromhex(UID))
    with pytest.raises(CardGone):
        run(card, torn(card, at, lost).heard)
    card.activated()
    run(card)
    assert survey(card.exchange, wish(card)).left == ()
    assert holds(card)


MOVED = SiteKeys(bytes(reversed(range(16))), 4, (SITE,))


def test_a_card_of_the_site_is_moved_to_its_new_keys_and_no_more(card, family):
    run(card)
    before = card.counter if family == "ntag424" else None
    assert run(card, site=MOVED) == KEY_STEPS
    assert (tuple(keys_in(card).keys)) == card_keys(MOVED.master, UID, family).slots
    assert set(keys_in(card).versions) == {MOVED.version}
    assert before is None or card.counter == before
    assert holds(card, MOVED) and not holds(card)
    assert run(card, site=MOVED) == ()


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("step", range(len(KEY_STEPS)), ids=KEY_STEPS)
def test_torn_away_while_it_is_moved_the_next_run_finishes(card, torn, step, lost):
    run(card)
    card.activated()
    with pytest.raises(CardGone):
        run(card, torn(card, step + 1, lost, lambda c: c[1] == 0xC4).heard, MOVED)
    card.activated()
    assert run(card, site=MOVED) == KEY_STEPS[step + lost :]
    assert holds(card, MOVED)


def test_a_new_card_gets_the_new_keys_at_once(card, family):
    assert run(card, site=MOVED) == STEPS[family]
    assert holds(card, MOVED)


def test_once_retired_a_card_with_earlier_keys_is_a_strangers(card):
    run(card)
    with pytest.raises(Fault, match="neither a new card's nor this key file's"):
        run(card, site=SiteKeys(MOVED.master, MOVED.version))


@pytest.mark.parametrize(("keys", "version"), [(SITE, 3), (MOVED, 4)])
def test_which_of_the_keys_a_card_has(card, keys, version):
    fresh = Held(UID, 0x20, card.exchange)
    assert version_on(fresh, wish(card, site=MOVED)) == MOVED.version
    run(card, site=keys)
    card.activated()
    assert version_on(fresh, wish(card, site=MOVED)) == version


def test_another_url_is_written_anew_with_the_sites_own_keys(ntag):
    run(ntag)
    other = wish(ntag, "https://other.example/t")
    work = survey(ntag.exchange, other)
    assert work.left == ("ndef", "settings")
    carry_out(work, lambda step: None)
    assert holds(ntag)


@pytest.mark.parametrize("slot", range(5))
def test_a_foreign_key_stops_it_before_anything_is_changed(family, slot, state):
    """Each by the version of a new card, of ours, and another's."""
    for version in (0, SITE.version, 77):
        card = (
            Desfire(bytes.fromhex(UID), XK1) if family == "desfire" else Ntag424(bytes.fromhex(UID))
        )
        held = keys_in(card)
        held.keys[slot], held.versions[slot] = b"f" * 16, version
        before = state(card)
        with pytest.raises(Fault, match=f"key {slot} is neither"):
            run(card)
        assert state(card) == before


@pytest.mark.parametrize("settings", ["0f85", "0b05", "0b84", "1b85", "0985"])
def test_an_application_of_others_under_our_number_is_left_as_it_is(fire, settings, state):
    fire.applications[XK1] = Desfire(fire.uid, XK1).applications[XK1]
    fire.applications[XK1].settings = bytes.fromhex(settings)
    before = state(fire)
    with pytest.raises(Fault, match="application 584b31 is neither a new card's"):
        run(fire)
    assert state(fire) == before


def test_a_card_on_which_no_application_can_be_made(fire):
    fire.room = 0
    with pytest.raises(Fault, match=r"no application can be made on this card: .*no memory left"):
        run(fire)
    assert XK1 not in fire.applications


def test_applications_of_others_stay(fire):
    fire.applications[b"ABC"] = Desfire(fire.uid, b"ABC", [b"o" * 16] * 3).applications[b"ABC"]
    before = repr(fire.applications[b"ABC"])
    assert run(fire) == STEPS["desfire"]
    assert repr(fire.applications[b"ABC"]) == before
    assert keys_in(fire).settings == SETTINGS


def test_settings_of_a_form_that_is_not_ours_are_replaced(ntag):
    def odd(command):
        said = ntag.exchange(command)
        return said[:1] + b"\xff" + said[2:] if command[1] == 0xF5 else said

    assert "settings" in survey(odd, wish(ntag)).left


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp:bad",
        "ftp://x.example/t",
        "tel:110",
        "x.example/t",
        "//x.example/t",
        "https:x.example",
        "https://",
        "https:///t",
        "https://x.example:0/t",
        "https://x.example:65536/t",
        "https://x.example:t/t",
        "https://-x.example/t",
        "https://x..example/t",
        "https://p@x.example/t",
        "https://[::g]/t",
        "https://[x.example]/t",
        "https://x.example/?a",
        "https://x.example/#a",
        "https://x.example/a&b",
        "https://x.example/a b",
        "https://x.example/%zz",
        "https://x.example/\\t",
        "https://x.example/t\n",
        "https://x.example/巡",
        "巡",
    ],
)
def test_a_url_that_no_phone_opens(url):
    with pytest.raises(Fault, match="no URL that a phone opens"):
        ndef_under(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example",
        "http://x.example/",
        "HTTPS://X.example:8443/t",
        "http://192.0.2.7:8080/t/1",
        "http://[2001:db8::7]/t",
        "https://xn--9iqz3f.example/%E5%B7%A1;v=1/~t",
        "http://gateway/t",
    ],
)
def test_a_url_that_a_phone_opens(url):
    assert ndef_under(url).content


def test_a_url_that_does_not_go_on_a_card():
    with pytest.raises(Fault, match="does not go on a card"):
        ndef_under("https://x.example/" + "a" * 186)


def test_the_longest_url_that_fits(ntag):
    most = wish(ntag, "https://x.example/" + "a" * 185)
    assert len(most.ndef.content) == 256
    carry_out(survey(ntag.exchange, most), lambda step: None)
    assert holds(ntag)


def test_an_ntag_needs_a_url():
    with pytest.raises(Fault, match="needs --url"):
        ndef_under(None)


def test_cards_that_no_keys_are_made_for(ntag):
    assert set(FAMILIES.values()) == {"ntag424", "desfire"}
    with pytest.raises(Fault, match="no NTAG 424 DNA and no DESFire"):
        wanted(Held(UID, 0x00, ntag.exchange), SITE)
    with pytest.raises(Fault, match="a random one"):
        wanted(Held("08a1b2c3", 0x20, ntag.exchange), SITE)
