"""From a card to its evidence, against simulated cards and dishonest ones."""

from types import SimpleNamespace

import pytest

from hardware.cards import ndef
from hardware.cards.apdu import StatusError
from hardware.cards.examine import MOST_S, CardKey, Evidence, examine
from hardware.cards.ntag424 import sun_template
from hardware.cards.session import authenticate
from hardware.cards.settings import FREE, FileSettings
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.cards.type4 import read_message, select_application
from hardware.errors import CardGone, CardRefused
from wire.cards.sun import BadSun, SunKeys, parse, verify

UID = bytes.fromhex("04de5f1eacc040")
KEYS = [bytes((n,)) * 16 for n in range(5)]
TARGET = SimpleNamespace(uid=UID.hex(), sak=0x20)
PLAIN_TARGET = SimpleNamespace(uid="04a1b2c3d4e5f6", sak=0x00)
KEY = CardKey(KEYS[3])


@pytest.fixture
def card():
    """A personalised NTAG 424 DNA."""
    made = Ntag424(UID, KEYS)
    content, sdm = sun_template("https://x.example/t")
    made.files[2][: len(content)] = content
    made.settings[2] = FileSettings(FREE, 0, 0, 0, "plain", sdm)
    return made


def nobody(uid):
    return None


def known(uid):
    return KEY


def refusing(exchange, ins, status):
    """The card's answers, but for this command."""
    return lambda command: bytes.fromhex(status) if command[1] == ins else exchange(command)


class TestHonest:
    def test_ev2(self, card):
        assert examine(card.exchange, TARGET, known) == Evidence("ev2")
        assert card.counter == 0

    def test_sun_is_verified_and_its_counter_rises_once_a_tap(self, card):
        for counter in (1, 2, 3):
            card.activated()
            found = examine(card.exchange, TARGET, nobody)
            assert (found.proof, found.failed) == ("sun", None)
            tap = verify(parse(found.sun), SunKeys(KEYS[1], KEYS[2]))
            assert (tap.uid, tap.counter) == (UID.hex(), counter)

    def test_desfire(self):
        card = Desfire(UID, b"XK1", KEYS)
        key = CardKey(KEYS[2], 2, b"XK1")
        assert examine(card.exchange, TARGET, lambda uid: key) == Evidence("ev2")

    def test_a_plain_card_is_its_uid(self):
        assert examine(None, PLAIN_TARGET, nobody) == Evidence("uid")

    def test_few_commands(self, card):
        """Each costs an officer five milliseconds and more."""
        sent = []

        def counted(command):
            sent.append(command)
            return card.exchange(command)

        examine(counted, TARGET, known)
        assert len(sent) == 3
        sent.clear()
        examine(counted, TARGET, nobody)
        assert len(sent) == 5

    def test_keys_are_not_shown(self):
        assert "b'" not in repr(KEY)


class TestMovedToNewKeys:
    """The card's key may be one of two; which, the version beside it says."""

    KEY = CardKey(b"n" * 16, earlier={7: KEYS[3]})

    @pytest.mark.parametrize("made", ["card", "fire"])
    @pytest.mark.parametrize(("version", "held"), [(7, KEYS[3]), (8, b"n" * 16)])
    def test_the_earlier_and_the_new(self, card, made, version, held):
        key, shown = self.KEY, card
        if made == "fire":
            key, shown = CardKey(b"n" * 16, 3, b"XK1", self.KEY.earlier), Desfire(UID, b"XK1", KEYS)
            examine(shown.exchange, TARGET, lambda uid: key)
        shown.keys[3], shown.versions[3] = held, version
        assert examine(shown.exchange, TARGET, lambda uid: key) == Evidence("ev2")
        assert shown.fails[3].total == 0

    @pytest.mark.parametrize("version", [0, 7, 8, 9])
    def test_another_key_is_a_forgery_whatever_version_it_says(self, card, version):
        card.keys[3], card.versions[3] = b"x" * 16, version
        assert examine(card.exchange, TARGET, lambda uid: self.KEY).forged

    def test_a_card_that_does_not_tell_its_version_is_weak(self, card):
        found = examine(refusing(card.exchange, 0x64, "911c"), TARGET, lambda uid: self.KEY)
        assert (found.proof, found.forged) == ("sun", False)


class TestDishonest:
    def test_downgrade_is_said_plainly(self, card):
        """A card that is enrolled with a key, and shows only its UID or a SUN message."""
        found = examine(None, SimpleNamespace(uid=UID.hex(), sak=0), known)
        assert (found.proof, found.failed) == (
            "uid",
            "enrolled with a key, and it takes no commands",
        )
        card.exchange = refusing(card.exchange, 0x71, "911c")
        found = examine(card.exchange, TARGET, known)
        assert found.proof == "sun" and "not proven by its key" in found.failed
        assert not found.forged

    @pytest.mark.parametrize("status", ["91ad", "9140", "6d00", "911c"])
    def test_one_that_does_not_begin_is_weak_and_not_forged(self, card, status):
        """91AD is what a genuine card says that was shown too many wrong keys."""
        found = examine(refusing(card.exchange, 0x71, status), TARGET, known)
        assert (found.proof, found.forged) == ("sun", False)

    def test_a_desfire_without_our_application(self):
        key = CardKey(KEYS[2], 2, b"XK1")
        found = examine(Desfire(UID, b"XX1").exchange, TARGET, lambda uid: key)
        assert not found.forged and "91A0" in found.failed

    def test_a_key_that_is_wrong_is_a_forgery(self, card):
        card.keys[3] = b"x" * 16
        found = examine(card.exchange, TARGET, known)
        assert (found.proof, found.sun, found.forged) == ("uid", None, True)
        assert "not proven by its key" in found.failed

    def test_a_card_that_takes_any_answer_is_a_forgery(self, card):
        """It has no key to find fault with ours, and none to answer with."""

        def careless(command):
            said = card.exchange(command)
            return bytes(32) + b"\x91\x00" if command[1] == 0xAF else said

        assert examine(careless, TARGET, known).forged

    @pytest.mark.parametrize("key", [KEYS[3], b"x" * 16])
    @pytest.mark.parametrize("at", range(1, 4))
    def test_torn_away_in_the_midst_it_is_never_forged(self, card, key, at):
        card.keys[3] = key
        left = iter(range(at - 1, -1, -1))

        def torn(command):
            if not next(left):
                raise CardGone("gone")
            return card.exchange(command)

        with pytest.raises(CardGone):
            examine(torn, TARGET, known)

    def test_what_the_chip_could_not_do_is_no_forgery(self, card):
        def broken(command):
            if command[1] == 0xAF:
                raise CardRefused("exchange failed", 0x14)
            return card.exchange(command)

        assert not examine(broken, TARGET, known).forged

    def test_a_card_that_claims_another_uid(self):
        """It has a key of its own, and not the one of the UID that it shows."""
        thief = Ntag424(UID, [b"t" * 16] * 5)
        found = examine(thief.exchange, TARGET, known)
        assert found.forged and "91AE" in found.failed

    def test_a_replayed_exchange(self, card):
        record = {}

        def listening(command):
            record[command[:2]] = card.exchange(command)
            return record[command[:2]]

        assert examine(listening, TARGET, known).proof == "ev2"
        found = examine(lambda c: record.get(c[:2], b"\x6a\x82"), TARGET, known)
        assert found.forged and "not proven by its key" in found.failed

    @pytest.mark.parametrize(
        "answer",
        ["", "90", "9100", "91af", "00" * 15 + "91af", "00" * 17 + "91af", "00" * 300 + "9100"],
    )
    def test_answers_of_a_wrong_length(self, card, answer):
        def lying(command):
            if command[1] in (0x71, 0xAF):
                return bytes.fromhex(answer)
            return card.exchange(command)

        found = examine(lying, TARGET, known)
        assert found.failed and found.forged == answer.endswith("91af")
        assert found.proof == ("uid" if found.forged else "sun")

    def test_the_last_answer_of_a_wrong_length(self, card):
        def lying(command):
            said = card.exchange(command)
            return said[:-4] + said[-2:] if command[1] == 0xAF else said

        assert examine(lying, TARGET, known).forged

    def test_one_that_says_yes_to_everything(self):
        for word in ("9000", "9100", "91af"):
            found = examine(lambda command, word=word: bytes.fromhex(word), TARGET, known)
            assert found.proof == "uid" and found.sun is None

    def test_a_huge_file_is_not_read(self, card):
        card.files[2][:2] = b"\xff\xff"
        found = examine(card.exchange, TARGET, nobody)
        assert found.proof == "uid" and "65535 bytes" in found.failed

    def test_one_that_gives_less_than_asked_for(self, card):
        def short(command):
            said = card.exchange(command)
            return said[-2:] if command[1] == 0xB0 else said

        assert "0 bytes where 15" in examine(short, TARGET, nobody).failed

    @pytest.mark.parametrize("odd", [b"\x00", b"\n", b" ", b"\x7f", b"\xc3\xa9"])
    def test_a_url_with_odd_characters(self, card, odd):
        message = ndef.message_of("https://x.example/t?") + odd
        message = message[:2] + bytes((message[2] + len(odd),)) + message[3:]
        card.settings[2] = FileSettings(FREE, 0, 0, 0)
        card.files[2][: 2 + len(message)] = len(message).to_bytes(2, "big") + message
        found = examine(card.exchange, TARGET, nobody)
        assert found.sun is None and "characters that no URL has" in found.failed

    def test_one_that_takes_its_time(self, card):
        times = iter([0.0, 0.1, 0.2, MOST_S, 1.0, 1.0, 1.0])
        found = examine(card.exchange, TARGET, known, lambda: next(times))
        assert found.proof == "uid" and "longer than 350 ms" in found.failed

    def test_one_that_is_taken_away_proves_nothing_and_is_tried_anew(self):
        def gone(command):
            raise CardGone("gone")

        with pytest.raises(CardGone):
            examine(gone, TARGET, known)

    def test_a_sun_message_of_another_sites_card_is_for_the_verifier_to_refuse(self, card):
        card.keys[2] = b"z" * 16
        found = examine(card.exchange, TARGET, nobody)
        with pytest.raises(BadSun, match="MAC"):
            verify(parse(found.sun), SunKeys(KEYS[1], KEYS[2]))


class TestReading:
    def test_several_reads_are_one_tap(self, card):
        content, sdm = sun_template("https://x.example/" + "long/" * 20)
        card.files[2][: len(content)] = content
        card.settings[2] = FileSettings(FREE, 0, 0, 0, "plain", sdm)
        url = ndef.url_of(read_message(card.exchange))
        assert len(url) > 128 and card.counter == 1
        assert verify(parse(url), SunKeys(KEYS[1], KEYS[2])).counter == 1

    def test_no_application(self):
        with pytest.raises(StatusError, match="6D00"):
            read_message(Desfire(UID).exchange)

    @pytest.mark.parametrize(
        "message",
        ["", "d1", "d101", "d10155", "d1010055", "d101ff5504", "d1010155ff", "c101", "d901015501"],
    )
    def test_messages_that_are_none(self, message):
        with pytest.raises(CardRefused):
            ndef.url_of(bytes.fromhex(message))

    @pytest.mark.parametrize("url", ["https://x.example/a?b=c", "http://www.x.example", "xk:1"])
    def test_urls_there_and_back(self, url):
        assert ndef.url_of(ndef.message_of(url)) == url


def test_a_published_authentication_between_host_and_card(published):
    row = published("ev2_first", "AN12196-T14")
    numbers = iter([bytes.fromhex(row["rndB"]), bytes.fromhex(row["ti"])])
    card = Ntag424(UID, draw=lambda size: next(numbers))
    spoken = []

    def listening(command):
        spoken.extend((command, card.exchange(command)))
        return spoken[-1]

    select_application(listening)
    authenticate(listening, 0, bytes(16), lambda size: bytes.fromhex(row["rndA"]))
    assert [part.hex().upper() for part in spoken[2:]] == [
        row["capdu1"],
        row["rapdu1"],
        row["capdu2"],
        row["rapdu2"],
    ]
