"""The simulated NTAG 424 DNA and DESFire refuse what the silicon refuses, and keep to published bytes."""

import pytest

from hardware.cards import ntag424, nxp
from hardware.cards.apdu import StatusError
from hardware.cards.ev2 import LAST_COUNTER, NotGenuine
from hardware.cards.session import authenticate
from hardware.cards.settings import FREE, BadSettings, FileSettings, Sdm, decode, decode_answer
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.cards.twin.secure import SEQUENCE_LIMIT, TOTAL_LIMIT, key_crc
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
