"""The simulated NTAG 424 DNA and DESFire refuse what the silicon refuses, and keep to published bytes."""

import pytest

from hardware.cards import desfire, ntag424, nxp
from hardware.cards.apdu import StatusError
from hardware.cards.ev2 import LAST_COUNTER, NotGenuine, SessionKeys
from hardware.cards.session import Session, authenticate
from hardware.cards.settings import FREE, BadSettings, FileSettings, Sdm, decode, decode_answer
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.cards.twin.secure import SEQUENCE_LIMIT, TOTAL_LIMIT, Authenticated, key_crc
from hardware.cards.type4 import read_message, select_application

UID = bytes.fromhex("04de5f1eacc040")
ZERO, NEW = bytes(16), bytes(range(16))


@pytest.fixture
def card():
    made = Ntag424(UID)
    select_application(made.exchange)
    return made


def say(card, command):
    return card.exchange(bytes.fromhex(command)).hex()


def test_the_crc_of_a_new_key():
    """AN12196 table 26."""
    assert key_crc(bytes.fromhex("f3847d627727ed3bc9c4cc050489b966")).hex() == "789dfadc"


def test_the_published_file_settings(published):
    said = bytes.fromhex(published("commmode_mac", "AN12196-T8")["rapdu"])[:-10]
    settings, size = decode_answer(said)
    sdm = Sdm(0, 0, FREE, picc_at=31, input_at=68, mac_at=106, enc_at=68, enc_length=32)
    assert (settings, size) == (FileSettings(FREE, FREE, FREE, FREE, "plain", sdm), 256)
    assert b"\0" + settings.encode()[:3] + said[4:7] + settings.encode()[3:] == said


def test_the_published_sun_message(published):
    row = published("sdm_aes", "AN12196-T5")
    card = Ntag424(UID, draw=lambda size: bytes.fromhex(row["plain"])[-size:])
    content, sdm = ntag424.sun_template("https://ntag.nxp.com/424")
    card.files[2][: len(content)] = content
    card.settings[2] = FileSettings(FREE, 0, 0, 0, "plain", sdm)
    card.counter = row["ctr"] - 1
    assert read_message(card.exchange).decode("ascii", "replace").endswith(row["url"][16:])


@pytest.mark.parametrize("data", ["", "40", "40eeee", "00eeee00", "80eeee", "40eeeec1ffff"])
def test_settings_of_another_form(data):
    with pytest.raises(BadSettings):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("9071000002050000", "9140"),
        ("90710000010000", "917e"),
        ("90af00002000", "917e"),
        ("90af000000", "911c"),
        ("9099000000", "911c"),
        ("90f50000010900", "91f0"),
        ("90c400000100", "917e"),
        ("90510000" + "00", "91ae"),
        ("00b0000010", "6985"),
        ("00a4000c02e1ff", "6a82"),
        ("00a4040007d276000085010000", "6a82"),
        ("00200000", "6d00"),
        ("80ca0000", "6e00"),
        ("90", "6700"),
    ],
)
def test_wrong_commands(card, command, word):
    assert say(card, command) == word


def test_a_wrong_key_counts_and_at_last_makes_one_wait(card):
    for _ in range(SEQUENCE_LIMIT):
        with pytest.raises(StatusError, match="91AE"):
            authenticate(card.exchange, 0, NEW)
    with pytest.raises(StatusError, match="91AD"):
        authenticate(card.exchange, 0, ZERO)
    authenticate(card.exchange, 1, ZERO)
    card.fails[1].total = TOTAL_LIMIT
    with pytest.raises(StatusError, match="91AD"):
        authenticate(card.exchange, 1, ZERO)


def test_a_command_that_was_changed_ends_the_session(card):
    def meddling(command):
        if command[1] == 0xF5:
            command = command[:-2] + bytes((command[-2] ^ 1,)) + command[-1:]
        return card.exchange(command)

    session = authenticate(meddling, 0, ZERO)
    with pytest.raises(StatusError, match="911E"):
        session.command(0xF5, b"\x02", mode="mac")
    assert card.session is None


def test_a_command_sent_twice_is_refused(card):
    sent = []

    def listening(command):
        sent.append(command)
        return card.exchange(command)

    authenticate(listening, 0, ZERO).command(0xF5, b"\x02", mode="mac")
    assert card.exchange(sent[-1]).hex() == "911e"


def test_an_answer_that_was_changed_is_not_believed(card):
    def meddling(command):
        said = card.exchange(command)
        return bytes((said[0] ^ 1,)) + said[1:] if command[1] == 0xF5 else said

    with pytest.raises(NotGenuine, match="MAC"):
        authenticate(meddling, 0, ZERO).command(0xF5, b"\x02", mode="mac")


def test_the_counter_of_commands_ends(card):
    session = authenticate(card.exchange, 0, ZERO)
    session._counter = card.session.counter = LAST_COUNTER
    with pytest.raises(StatusError, match="911E"):
        session.command(0xF5, b"\x02", mode="mac")


def test_only_key_0_changes_keys(card):
    session = authenticate(card.exchange, 1, ZERO)
    with pytest.raises(StatusError, match="919D"):
        nxp.change_key(session, 2, ZERO, NEW, 1)
    session = authenticate(card.exchange, 0, ZERO)
    with pytest.raises(StatusError, match="911E"):
        nxp.change_key(session, 2, NEW, NEW, 1)


@pytest.mark.parametrize("made", [Ntag424(UID), Desfire(UID, b"XK1")])
def test_keys_are_changed(made):
    if isinstance(made, Ntag424):
        select_application(made.exchange)
    else:
        assert say(made, "905a00000358583100") == "91a0"
        assert say(made, "905a000003584b3100") == "9100"
    session = authenticate(made.exchange, 0, ZERO)
    nxp.change_key(session, 3, ZERO, NEW, 7)
    nxp.change_own_key(session, NEW, 7)
    assert made.session is None
    authenticate(made.exchange, 3, NEW)
    authenticate(made.exchange, 0, NEW)
    with pytest.raises(StatusError, match="91AE"):
        authenticate(made.exchange, 0, ZERO)


def test_settings_are_changed_and_the_counter_begins_anew(card):
    card.counter = 9
    content, sdm = ntag424.sun_template("https://x.example/t")
    session = authenticate(card.exchange, 0, ZERO)
    ntag424.write_ndef(session, content)
    ntag424.change_settings(session, ntag424.wanted_settings(sdm))
    select_application(card.exchange)
    assert ntag424.get_settings(card.exchange) == ntag424.wanted_settings(sdm)
    assert card.counter == 0
    assert say(card, "00a4000c02e104") == "9000"
    assert say(card, "00d600000100") == "6982"


def test_settings_that_do_not_fit_are_refused(card):
    session = authenticate(card.exchange, 0, ZERO)
    wrong = FileSettings(FREE, 0, 0, 0, "plain", Sdm(1, 2, picc_at=240, mac_at=0))
    with pytest.raises(StatusError, match="919E"):
        ntag424.change_settings(session, wrong)


def test_reads_in_a_row_are_one_and_any_other_command_begins_anew(card):
    content, sdm = ntag424.sun_template("https://x.example/t")
    card.files[2][: len(content)] = content
    card.settings[2] = ntag424.wanted_settings(sdm)
    say(card, "00a4000c02e104")
    assert say(card, "00b0000080") == say(card, "00b0000080") and card.counter == 1
    say(card, "00a4000c02e104")
    say(card, "00b0000080")
    assert card.counter == 2
    card.counter = 0xFFFFFF
    say(card, "00a4000c02e104")
    assert say(card, "00b0000080") == "6982"


def test_its_type(card):
    assert nxp.get_version(card.exchange) == "NTAG 424 DNA"
    assert nxp.get_version(Desfire(UID).exchange) == "DESFire EV3"
    assert nxp.key_version(card.exchange, 2) == 0


class TestApplications:
    """DESFire."""

    @pytest.fixture
    def fire(self):
        return Desfire(UID)

    def test_a_new_card_has_none_and_takes_one(self, fire):
        assert not desfire.has_application(fire.exchange, b"XK1")
        desfire.create_application(fire.exchange, b"XK1")
        assert desfire.get_settings(fire.exchange) == desfire.SETTINGS
        assert [nxp.key_version(fire.exchange, slot) for slot in range(5)] == [0] * 5
        authenticate(fire.exchange, 4, ZERO)
        fire.activated()
        assert desfire.has_application(fire.exchange, b"XK1")

    def test_the_published_form_of_the_command(self, fire):
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
    def test_what_a_new_card_refuses(self, fire, command, word):
        assert say(fire, command) == word
        assert set(fire.applications) == {desfire.PICC}

    def test_the_same_application_twice_or_one_too_many(self, fire):
        desfire.create_application(fire.exchange, b"XK1")
        with pytest.raises(StatusError, match="91DE"):
            desfire.create_application(fire.exchange, b"XK1")
        fire.room = 0
        with pytest.raises(StatusError, match="910E"):
            desfire.create_application(fire.exchange, b"XK2")

    def test_no_application_within_an_application(self, fire):
        desfire.create_application(fire.exchange, b"XK1")
        assert say(fire, "90ca000005584b320b8500") == "919d"

    def test_a_card_whose_issuer_keeps_it_to_himself(self):
        fire = Desfire(UID, master=NEW)
        fire.applications[desfire.PICC].settings = bytes.fromhex("0b81")
        with pytest.raises(StatusError, match="91AE"):
            desfire.create_application(fire.exchange, b"XK1")
        session = authenticate(fire.exchange, 0, NEW)
        session.command(0xCA, b"XK1" + desfire.SETTINGS, mode="mac")
        assert desfire.has_application(fire.exchange, b"XK1")

    def test_a_session_ends_with_another_application(self, fire):
        desfire.create_application(fire.exchange, b"XK1")
        authenticate(fire.exchange, 0, ZERO)
        assert not desfire.has_application(fire.exchange, b"XX1")
        assert fire.session is None
        assert say(fire, "90c4000001" + "00" + "00") == "91ae"

    def test_keys_of_applications_are_each_their_own(self, fire):
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
    def test_who_changes_which_key_the_settings_say(self, fire, settings, by, changes):
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

    def test_settings_that_are_not_told_to_everybody(self, fire):
        desfire.create_application(fire.exchange, b"XK1")
        fire.applications[b"XK1"].settings = bytes.fromhex("0985")
        with pytest.raises(StatusError, match="91AE"):
            desfire.get_settings(fire.exchange)
        session = authenticate(fire.exchange, 0, ZERO)
        assert session.command(0x45, mode="mac").hex() == "0985"


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
    assert [say(made, command) for command in (KEY_2, KEY_0)] == TAKEN
    assert (made.keys[2], made.keys[0], made.versions[0]) == (NEW_2, NEW_0, 1)
