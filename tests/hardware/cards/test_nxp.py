"""What NTAG 424 DNA and DESFire have in common: the type, and ChangeKey by NXP's published bytes, both ways."""

import pytest

from hardware.cards import desfire, nxp
from hardware.cards.ev2 import SessionKeys
from hardware.cards.session import Session
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.cards.twin.secure import Authenticated
from hardware.cards.type4 import select_application

UID = bytes.fromhex("04de5f1eacc040")
ZERO = bytes(16)

# AN12196 tables 26 and 27: key 2 and then key 0, in one session with key 0
CHANGING = SessionKeys(
    bytes.fromhex("4cf3cb41a22583a61e89b158d252fc53"),
    bytes.fromhex("5529860b2fc5fb6154b7f28361d30bf9"),
    bytes.fromhex("7614281a"),
)
KEY_2 = (
    "90c4000029022cf362b7bf4311ff3be1daa295e8c68de09050560d19b9e16c2393ae9cd1fac75d0ce20bcd1d06e600"
)
KEY_0 = (
    "90c400002900c0eb4deefeddf0b513a03a95a75491818580503190d4d05053ff75668a01d6fda6610234bded643200"
)
NEW_2 = bytes.fromhex("f3847d627727ed3bc9c4cc050489b966")
NEW_0 = bytes.fromhex("5004bf991f408672b1ef00f08f9e8647")
TAKEN = ["203bb55d1089d5879100", "9100"]


def test_the_published_changes_of_keys():
    said, sent = iter(TAKEN), []

    def card(command):
        sent.append(command.hex())
        return bytes.fromhex(next(said))

    session = Session(card, CHANGING)
    session._counter = 2
    nxp.change_key(session, 2, ZERO, NEW_2, 1)
    nxp.change_own_key(session, NEW_0, 1)
    assert sent == [KEY_2, KEY_0]


@pytest.mark.parametrize("made", [Ntag424(UID), Desfire(UID, b"XK1")])
def test_the_published_changes_are_what_a_card_takes(made):
    if isinstance(made, Desfire):
        assert desfire.has_application(made.exchange, b"XK1")
    made.session = Authenticated(0, CHANGING, 2)
    said = [made.exchange(bytes.fromhex(command)).hex() for command in (KEY_2, KEY_0)]
    assert said == TAKEN
    assert (made.keys[2], made.keys[0], made.versions[0]) == (NEW_2, NEW_0, 1)


def test_its_type():
    card = Ntag424(UID)
    select_application(card.exchange)
    assert nxp.get_version(card.exchange) == "NTAG 424 DNA"
    assert nxp.get_version(Desfire(UID).exchange) == "DESFire EV3"
    assert nxp.key_version(card.exchange, 2) == 0
