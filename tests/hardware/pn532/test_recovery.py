"""After each fault the poller finds its way back by itself, and its thread lives.

`polling` asserts at its end that the poller's thread is alive, and that stopping ends it.
"""

import pytest
import serial

from hardware.pn532 import poller
from hardware.pn532.driver import Pn532
from hardware.pn532.poller import CardArrived, CardLeft, CardTorn, NfcReader, NfcStatus
from hardware.pty import SerialLine

TYPE4 = "04010203040506"
LIST, EXCHANGE, FIELD_OFF = 0x4A, 0x40, 0x32
OF_FRAMES = (
    "lose_ack",
    "lose_answer",
    "spoil",
    "headless",
    "cut",
    "refuse",
    "wrong",
    "stale",
    "early",
)


def proof(exchange, card):
    """Two exchanges, as a proof has."""
    del card
    return exchange(b"\x90\x71") + exchange(b"\x90\xaf")


PROOF = b"\x90\x71\x90\x00\x90\xaf\x90\x00"


def arrives(said):
    """The next card that arrives, whatever was said before it."""
    while not isinstance(event := said.next(), CardArrived):
        pass
    return event.uid, event.evidence


@pytest.mark.parametrize(("fault", "count"), [*((fault, 1) for fault in OF_FRAMES), ("spoil", 4)])
class TestFrames:
    def test_while_it_polls(self, twin, type4, polling, fault, count):
        said = polling(proof)
        twin.spoil(fault, count)
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)

    def test_while_it_examines(self, twin, type4, polling, fault, count):
        said = polling(proof)
        twin.at(EXCHANGE, lambda: twin.spoil(fault, count))
        twin.present(type4())
        uid, evidence = arrives(said)
        assert uid == TYPE4
        assert evidence == PROOF or fault == "stale"


class TestPieces:
    """ACK and answer in one read, in two, or byte by byte."""

    @pytest.mark.parametrize("how", ["split", "glue"])
    def test_a_card_is_read_and_examined(self, twin, type4, polling, how):
        getattr(twin, how)()
        said = polling(proof)
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)
        assert said.empty()

    def test_extended_frames_both_ways(self, twin, type4, polling):
        long = bytes(n % 251 for n in range(300))
        said = polling(lambda exchange, card: exchange(long))
        twin.split()
        twin.present(type4(lambda data: data))
        assert arrives(said) == (TYPE4, long)


class TestChip:
    def test_noise_on_both_wires(self, twin, type4, polling):
        said = polling(proof)
        for _ in range(50):
            twin.noise()
        twin.at(EXCHANGE, twin.noise)
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)

    @pytest.mark.parametrize("command", [LIST, EXCHANGE, FIELD_OFF])
    def test_power_down(self, twin, type4, polling, command):
        said = polling(proof)
        twin.at(command, twin.sleep)
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)
        twin.remove()
        assert said.what() == (CardLeft, TYPE4)

    @pytest.mark.parametrize("command", [LIST, EXCHANGE])
    def test_mute_until_a_person_mends_it(self, twin, type4, polling, command):
        said = polling(proof)
        twin.at(command, twin.mute)
        twin.present(type4())
        assert said.what() == (NfcStatus, "silent")
        twin.mute(False)
        assert said.what() == (NfcStatus, "ok")
        assert arrives(said) == (TYPE4, PROOF)

    @pytest.mark.parametrize("baud", [921600, 460800, 230400])
    def test_another_program_raised_the_rate(self, twin, type4, polling, baud):
        said = polling(proof)
        twin.raise_baud(baud)
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)
        assert twin._chip.baud == 115200

    @pytest.mark.parametrize("command", [LIST, EXCHANGE, FIELD_OFF])
    def test_unplugged_and_plugged_in_again(self, twin, type4, polling, command):
        said = polling(proof)
        twin.at(command, twin.unplug)
        twin.present(type4())
        arrived = command == FIELD_OFF and said.what() == (CardArrived, TYPE4)
        assert said.what() == (NfcStatus, "unplugged")
        twin.plug()
        assert said.what() == (NfcStatus, "ok")
        assert arrived or arrives(said) == (TYPE4, PROOF)

    def test_unplugged_for_long_and_often(self, twin, type4, polling):
        said = polling(proof)
        for _ in range(3):
            twin.unplug()
            assert said.what() == (NfcStatus, "unplugged")
            twin.plug()
            assert said.what() == (NfcStatus, "ok")
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)

    def test_torn_away_and_held_again(self, twin, type4, polling):
        said = polling(proof)
        twin.torn()
        twin.present(type4())
        assert said.what() == (CardTorn, TYPE4)
        twin.present(type4())
        assert arrives(said) == (TYPE4, PROOF)


class TestLessons:
    def test_nfcpy_186_close_does_not_hang(self, twin):
        """Not with a chip that is mute, nor with a port that went away, nor said twice."""
        for fault in (twin.mute, twin.unplug):
            chip = Pn532(twin.port)
            chip.start()
            fault()
            chip.close()
            chip.close()
            twin.mute(False)
            twin.plug()

    @pytest.mark.parametrize("command", [LIST, EXCHANGE])
    def test_nfcpy_186_stop_does_not_hang(self, twin, type4, polling, command):
        said = polling(proof)
        twin.at(command, twin.mute)
        twin.present(type4())
        assert said.what() == (NfcStatus, "silent")

    def test_nfcpy_186_stop_ends_a_long_examination(self, twin, type4, said):
        def for_ever(exchange, card):
            while True:
                exchange(b"\x90")

        card = type4()
        reader = NfcReader(twin.port, said.put, examine=for_ever)
        reader.start()
        twin.present(card)
        assert card.contents.activations.acquire(timeout=20)
        reader.stop()
        assert not reader._thread.is_alive()
        assert [type(said.get_nowait()) for _ in range(said.qsize())] == [NfcStatus]

    def test_nfcpy_186_stop_before_start(self, twin, said):
        NfcReader(twin.port, said.put).stop()

    def test_adafruit_circuitpython_pn532_58_an_answer_cut_short_does_not_hang(self, twin, polling):
        """There the read waited for as many bytes as it had asked for."""
        said = polling()
        twin.spoil("cut", 3)
        twin.present(TYPE4)
        assert arrives(said) == (TYPE4, None)

    def test_node_pn532_9_polling_goes_on_after_an_answers_last_bytes_came_alone(
        self, twin, polling
    ):
        """`00 fe e2` and then nothing more, as logged there."""
        said = polling()
        twin.spoil("headless", 3)
        twin.present(TYPE4)
        assert arrives(said) == (TYPE4, None)

    def test_adafruit_pn532_52_a_card_that_lies_there_does_not_flicker(self, twin, type4, polling):
        said = polling(proof)
        cards = (type4(uid="04000000000001"), type4(uid="04000000000002"))
        twin.present(*cards)
        assert {said.what() for _ in cards} == {(CardArrived, card.uid.hex()) for card in cards}
        for card in cards * 5:
            assert card.contents.activations.acquire(timeout=20)
        assert said.empty()


class TestBackOff:
    def test_it_waits_longer_and_longer_and_never_gives_up(self, tmp_path, said, monkeypatch):
        waited = []
        reader = NfcReader(str(tmp_path / "none"), said.put)
        monkeypatch.setattr(poller.random, "uniform", lambda low, high: 1.0)

        def wait(seconds):
            waited.append(seconds)
            if len(waited) == 10:
                reader._stop.set()

        monkeypatch.setattr(reader._stop, "wait", wait)
        reader._run()
        assert waited == [0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
        assert [type(said.get_nowait()) for _ in range(said.qsize())] == [NfcStatus]

    def test_another_program_holds_the_port(self, twin, said, monkeypatch):
        monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
        other = serial.Serial(twin.port, exclusive=True)
        reader = NfcReader(twin.port, said.put)
        reader.start()
        assert said.what() == (NfcStatus, "unplugged")
        other.close()
        assert said.what() == (NfcStatus, "ok")
        reader.stop()

    def test_a_port_with_another_part_on_it(self, tmp_path, said, monkeypatch):
        """A GPS receiver, say: plenty of bytes, no frame."""
        monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
        line = SerialLine(tmp_path / "line")
        line.write(b"$GPRMC,,V,,,,,,,,,,N*53\r\n" * 20)
        reader = NfcReader(line.port, said.put)
        reader.start()
        assert said.what() == (NfcStatus, "silent")
        reader.stop()
        assert not reader._thread.is_alive()
        line.unplug()
