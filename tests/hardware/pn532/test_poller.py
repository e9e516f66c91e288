"""The poller on the simulated chip: what it says of cards, of the reader, and of cards that it examines."""

import queue
import threading
from functools import partial

import pytest

from hardware.cards.examine import CardKey, examine
from hardware.cards.twin import desfire, ntag424
from hardware.cards.twin.desfire import Desfire
from hardware.cards.twin.ntag424 import Ntag424
from hardware.errors import CardRefused
from hardware.pn532 import poller
from hardware.pn532.chip import ERROR_FRAME
from hardware.pn532.field import Card
from hardware.pn532.poller import CardArrived, CardLeft, CardTorn, NfcReader, NfcStatus
from hardware.pty import SerialLine

WAIT_S = 20
UIDS = ("deadbeef", "04a1b2c3d4e5f6", "00112233445566778899")
TYPE4 = "04010203040506"


class TestPoller:
    @pytest.mark.parametrize("uid", UIDS)
    def test_a_card_arrives_once_and_leaves_once(self, twin, heard, uid):
        twin.present(uid)
        arrived = heard.next()
        assert isinstance(arrived, CardArrived)
        assert arrived.uid == uid
        twin.remove()
        left = heard.next()
        assert isinstance(left, CardLeft)
        assert left.uid == uid
        assert 0 < arrived.up_ms <= left.up_ms
        twin.present(uid)
        assert heard.what() == (CardArrived, uid)

    def test_a_second_card_beside_the_first(self, twin, heard):
        twin.present(UIDS[0])
        assert heard.what() == (CardArrived, UIDS[0])
        twin.present(UIDS[1])
        assert heard.what() == (CardArrived, UIDS[1])
        twin.remove(UIDS[0])
        assert heard.what() == (CardLeft, UIDS[0])

    def test_silent_and_ok_again_and_the_card_is_noticed(self, twin, heard):
        twin.mute()
        assert heard.what() == (NfcStatus, "silent")
        twin.present(UIDS[1])
        twin.mute(False)
        assert heard.what() == (NfcStatus, "ok")
        assert heard.what() == (CardArrived, UIDS[1])

    def test_unplugged_and_ok_again_at_the_same_path(self, twin, heard):
        twin.unplug()
        assert heard.what() == (NfcStatus, "unplugged")
        twin.plug()
        assert heard.what() == (NfcStatus, "ok")
        twin.present(UIDS[0])
        assert heard.what() == (CardArrived, UIDS[0])

    def test_a_card_that_lay_there_over_a_loss_arrives_once(self, twin, heard):
        twin.present(UIDS[0])
        assert heard.what() == (CardArrived, UIDS[0])
        twin.mute()
        assert heard.what() == (NfcStatus, "silent")
        twin.mute(False)
        assert heard.what() == (NfcStatus, "ok")
        twin.present(UIDS[1])
        assert heard.what() == (CardArrived, UIDS[1])

    def test_noise_while_polling_invents_no_card_and_no_leaving(self, twin, heard):
        twin.present(UIDS[0])
        assert heard.what() == (CardArrived, UIDS[0])
        for _ in range(200):
            twin.noise()
        twin.present(UIDS[1])
        assert heard.what() == (CardArrived, UIDS[1])

    def test_without_a_port_it_waits_for_one(self, twin, said, monkeypatch):
        monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
        twin.unplug()
        reader = NfcReader(twin._line.port, said.put)
        reader.start()
        assert said.what() == (NfcStatus, "unplugged")
        twin.plug()
        assert said.what() == (NfcStatus, "ok")
        reader.stop()

    def test_a_refusing_chip_is_silent_not_fatal(self, said, tmp_path, monkeypatch):
        """A line that answers every command with an error frame."""
        monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
        line = SerialLine(tmp_path / "line")
        line.write(ERROR_FRAME)
        reader = NfcReader(line.port, said.put)
        reader.start()
        assert said.what() == (NfcStatus, "silent")
        reader.stop()
        line.unplug()


class TestExamine:
    def test_what_it_makes_of_a_card_is_the_evidence(self, twin, type4, polling):
        said = polling(lambda exchange, card: (card.uid, exchange(b"\x90")))
        twin.present(type4())
        assert said.next().evidence == (TYPE4, b"\x90\x90\0")

    def test_a_card_that_lies_there_is_examined_once_and_leaves_once(self, twin, type4, polling):
        said, card = polling(lambda exchange, card: exchange(b"\x90")), type4()
        twin.present(card)
        assert said.what() == (CardArrived, TYPE4)
        for _ in range(5):
            assert card.contents.activations.acquire(timeout=WAIT_S)
        twin.remove()
        assert said.what() == (CardLeft, TYPE4)
        assert len(card.contents.heard) == 1

    def test_two_cards_at_once_are_both_told_of(self, twin, type4, polling):
        said = polling(lambda exchange, card: exchange(b"who"))
        twin.present(*(type4(lambda data, n=n: b"%d" % n, f"0400000000000{n}") for n in (1, 2)))
        told = {event.uid[-1]: event.evidence for event in (said.next(), said.next())}
        assert told == {"1": b"1", "2": b"2"}

    def test_a_card_torn_away_gives_no_half_proof_and_comes_again_at_once(
        self, twin, type4, polling
    ):
        said = polling(lambda exchange, card: exchange(b"\x90") + exchange(b"\xaf"))

        def torn(data):
            if data == b"\xaf":
                twin.remove()
            return data

        twin.present(type4(torn))
        assert said.what() == (CardTorn, TYPE4)
        twin.present(type4(lambda data: data))
        arrived = said.next()
        assert (arrived.uid, arrived.evidence) == (TYPE4, b"\x90\xaf")

    def test_one_torn_away_does_not_keep_the_other_from_arriving(self, twin, type4, polling):
        said = polling(lambda exchange, card: exchange(b"who"))
        one = type4(lambda data: None, "04000000000001")
        two = type4(lambda data: b"two", "04000000000002")
        twin.present(one, two)
        told = {said.what() for _ in range(2)}
        assert told == {(CardTorn, one.uid.hex()), (CardArrived, two.uid.hex())}

    def test_a_card_that_never_answers_is_told_of_once_and_tried_again(self, twin, type4, polling):
        said, tries = polling(lambda exchange, card: exchange(b"who")), threading.Semaphore(0)
        twin.present(type4(lambda data: tries.release()))
        assert said.what() == (CardTorn, TYPE4)
        for _ in range(4):
            assert tries.acquire(timeout=WAIT_S)
        assert said.empty()
        twin.remove()
        twin.present("04a1b2c3d4e5f6")
        assert said.what() == (CardTorn, "04a1b2c3d4e5f6")

    def test_what_a_card_refuses_is_for_the_examination_to_judge(self, twin, polling, monkeypatch):
        monkeypatch.setitem(twin._chip._commands, 0x40, lambda data, now_s: b"\x14")

        def examine(exchange, card):
            try:
                return exchange(b"\x90")
            except CardRefused as exc:
                return f"refused {exc.status:02x}"

        said = polling(examine)
        twin.present("deadbeef")
        assert said.next().evidence == "refused 14"


def test_an_answer_of_the_chip_is_a_sign_of_life(twin):
    events = queue.Queue()
    reader = NfcReader(twin.port, events.put)
    assert reader.heard_ms is None
    reader.start()
    twin.present(UIDS[0])
    while not isinstance(arrived := events.get(timeout=WAIT_S), CardArrived):
        continue
    assert reader.heard_ms >= arrived.up_ms
    reader.stop()


class Cut:
    """Passes commands to a card until the `at`th; its answer to that one is lost, and nothing is heard after."""

    def __init__(self, card, at):
        self._card, self._left = card, at
        self.activated = card.activated

    def exchange(self, command):
        self._left -= 1
        said = self._card.exchange(command)
        return said if self._left > 0 else None


@pytest.mark.parametrize("held", [bytes(16), b"x" * 16], ids=["genuine", "forged"])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("family", ["ntag424", "desfire"])
def test_a_card_torn_from_its_authentication_is_told_as_torn_and_not_as_forged(
    twin, polling, family, at, held
):
    """What it is, the next showing says."""
    uid = bytes.fromhex(TYPE4)
    key = CardKey(bytes(16), 3, b"XK1" if family == "desfire" else None)
    keys = [bytes(16), bytes(16), bytes(16), held, bytes(16)]
    contents = Desfire(uid, b"XK1", keys) if family == "desfire" else Ntag424(uid, keys)
    module = desfire if family == "desfire" else ntag424

    def shown(what):
        return Card(uid, module.SENS_RES, module.SAK, module.ATS, what)

    said = polling(partial(examine, key_for=lambda uid: key))
    twin.present(shown(Cut(contents, at)))
    assert said.what() == (CardTorn, TYPE4)
    twin.remove()
    twin.present(shown(contents))
    while isinstance(event := said.next(), CardTorn):
        continue
    assert isinstance(event, CardArrived)
    assert (event.evidence.proof, event.evidence.forged) == (
        ("uid", True) if any(held) else ("ev2", False)
    )
