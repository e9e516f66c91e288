"""Applications on the simulated DESFire: what a technician's program asks for, and what the silicon refuses."""

import pytest

from hardware.cards import desfire, nxp
from hardware.cards.apdu import StatusError
from hardware.cards.session import authenticate
from hardware.cards.twin.desfire import Desfire

UID = bytes.fromhex("04de5f1eacc040")
ZERO, NEW = bytes(16), bytes(range(16))


def say(card, command):
    return card.exchange(bytes.fromhex(command)).hex()


@pytest.fixture
def fire():
    return Desfire(UID)


def test_a_new_card_has_none_and_takes_one(fire):
    assert not desfire.has_application(fire.exchange, b"XK1")
    desfire.create_application(fire.exchange, b"XK1")
    assert desfire.get_settings(fire.exchange) == desfire.SETTINGS
    assert [nxp.key_version(fire.exchange, slot) for slot in range(5)] == [0] * 5
    authenticate(fire.exchange, 4, ZERO)
    fire.activated()
    assert desfire.has_application(fire.exchange, b"XK1")


def test_the_published_form_of_the_command(fire):
    """As a real EV3 took it: one AES key, which key 0 changes; by others' log, there with a MAC."""
    assert say(fire, "90ca000005010203098100") == "9100"
    assert say(fire, "905a00000301020300") == "9100"
    assert say(fire, "9064000001" + "00" + "00") == "009100"
    assert say(fire, "9064000001" + "01" + "00") == "9140"


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("90ca000005584b310b0500", "919e"),
        ("90ca000005584b310b8000", "919e"),
        ("90ca000005584b310b8f00", "919e"),
        ("90ca000005584b310ba500", "919e"),
        ("90ca000005000000098100", "91de"),
        ("90ca000004584b310b00", "917e"),
        ("90ca000006584b310b850000", "917e"),
        ("90450000010000", "917e"),
        ("9071000002000000", "91ae"),
        ("90c400000100", "917e"),
        ("9064000001" + "00" + "00", "9140"),
        ("906a000000", "911c"),
    ],
)
def test_what_a_new_card_refuses(fire, command, word):
    assert say(fire, command) == word
    assert set(fire.applications) == {desfire.PICC}


def test_the_same_application_twice_or_one_too_many(fire):
    desfire.create_application(fire.exchange, b"XK1")
    with pytest.raises(StatusError, match="91DE"):
        desfire.create_application(fire.exchange, b"XK1")
    fire.room = 0
    with pytest.raises(StatusError, match="910E"):
        desfire.create_application(fire.exchange, b"XK2")


def test_no_application_within_an_application(fire):
    desfire.create_application(fire.exchange, b"XK1")
    assert say(fire, "90ca000005584b320b8500") == "919d"


def test_a_card_whose_issuer_keeps_it_to_himself():
    fire = Desfire(UID, master=NEW)
    fire.applications[desfire.PICC].settings = bytes.fromhex("0b81")
    with pytest.raises(StatusError, match="91AE"):
        desfire.create_application(fire.exchange, b"XK1")
    session = authenticate(fire.exchange, 0, NEW)
    session.command(0xCA, b"XK1" + desfire.SETTINGS, mode="mac")
    assert desfire.has_application(fire.exchange, b"XK1")


def test_a_session_ends_with_another_application(fire):
    desfire.create_application(fire.exchange, b"XK1")
    authenticate(fire.exchange, 0, ZERO)
    assert not desfire.has_application(fire.exchange, b"XX1")
    assert fire.session is None
    assert say(fire, "90c4000001" + "00" + "00") == "91ae"


def test_keys_of_applications_are_each_their_own(fire):
    for aid in (b"XK1", b"XK2"):
        desfire.create_application(fire.exchange, aid)
    nxp.change_own_key(authenticate(fire.exchange, 0, ZERO), NEW, 1)
    authenticate(fire.exchange, 0, NEW)
    desfire.has_application(fire.exchange, b"XK1")
    authenticate(fire.exchange, 0, ZERO)


@pytest.mark.parametrize(
    ("settings", "by", "changes"),
    [
        ("0b", 0, {0, 1, 2, 3, 4}),
        ("0b", 1, set()),
        ("0a", 0, {1, 2, 3, 4}),
        ("1b", 0, {0, 1}),
        ("1b", 1, {2, 3, 4}),
        ("eb", 0, {0}),
        ("eb", 3, {3}),
        ("fb", 0, {0}),
        ("fb", 3, set()),
    ],
)
def test_who_changes_which_key_the_settings_say(fire, settings, by, changes):
    desfire.create_application(fire.exchange, b"XK1")
    fire.applications[b"XK1"].settings = bytes.fromhex(settings + "85")
    done = set()
    for number in range(5):
        session = authenticate(fire.exchange, by, ZERO)
        try:
            if number == by:
                session.last_command(0xC4, bytes((number,)), ZERO + b"\x01")
            else:
                nxp.change_key(session, number, ZERO, ZERO, 1)
        except StatusError as exc:
            assert exc.status == 0x919D
        else:
            done.add(number)
    assert done == changes


def test_settings_that_are_not_told_to_everybody(fire):
    desfire.create_application(fire.exchange, b"XK1")
    fire.applications[b"XK1"].settings = bytes.fromhex("0985")
    with pytest.raises(StatusError, match="91AE"):
        desfire.get_settings(fire.exchange)
    session = authenticate(fire.exchange, 0, ZERO)
    assert session.command(0x45, mode="mac").hex() == "0985"
