"""Driver and poller with the simulated chip over a real pseudo-terminal; and libnfc's client against it."""

import os
import queue
import re
import subprocess
import threading

import pytest
import serial

from hardware.errors import CardGone, CardRefused, PartSilent, PortError
from hardware.pn532 import driver, poller
from hardware.pn532.chip import ERROR_FRAME, Card
from hardware.pn532.commands import LIST_106A, Firmware
from hardware.pn532.driver import Pn532
from hardware.pn532.frame import HOST, WAKE, build
from hardware.pn532.poller import CardArrived, CardLeft, CardTorn, NfcReader, NfcStatus
from hardware.pn532.twin import NoSuchCard, card
from hardware.pty import SerialLine

WAIT_S = 20
UIDS = ("deadbeef", "04a1b2c3d4e5f6", "00112233445566778899")


@pytest.fixture
def chip(twin):
    chip = Pn532(twin.port)
    yield chip
    chip.close()


@pytest.fixture
def heard(twin, monkeypatch):
    """Everything that a poller on the twin says."""
    monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
    said = queue.Queue()
    reader = NfcReader(twin.port, said.put)
    reader.start()
    assert next_of(said) == NfcStatus("ok", "PN532 1.6")
    yield said
    reader.stop()
    assert not reader._thread.is_alive()


def next_of(said):
    return said.get(timeout=WAIT_S)


def twin_removes(twin, data):
    """A card that is torn away while it answers."""
    twin._chip.cards = []
    return data


def what(event):
    return type(event), getattr(event, "uid", None) or event.status


class TestDriver:
    def test_start_says_what_it_found(self, chip):
        assert chip.start() == Firmware(0x32, 1, 6, 7)

    @pytest.mark.parametrize("uid", UIDS)
    def test_a_card_is_read(self, chip, twin, uid):
        chip.start()
        assert chip.targets() == []
        twin.present(uid)
        (target,) = chip.targets()
        shown = card(uid)
        assert (target.uid, target.sens_res, target.sak) == (uid, shown.sens_res, shown.sak)

    def test_two_cards(self, chip, twin):
        chip.start()
        for uid in UIDS[:2]:
            twin.present(uid)
        assert [t.uid for t in chip.targets()] == list(UIDS[:2])
        twin.remove(UIDS[0])
        assert [t.uid for t in chip.targets()] == [UIDS[1]]

    def test_a_muted_chip_is_silent_and_comes_back(self, chip, twin):
        chip.start()
        twin.mute()
        with pytest.raises(PartSilent, match="InListPassiveTarget"):
            chip.targets()
        with pytest.raises(PartSilent, match="check power"):
            chip.start()
        twin.mute(False)
        chip.start()
        assert chip.targets() == []

    def test_noise_before_an_answer_is_passed_over(self, chip, twin):
        chip.start()
        twin.present(UIDS[0])
        for _ in range(20):
            twin.noise()
            assert [t.uid for t in chip.targets()] == [UIDS[0]]

    def test_a_search_without_end_is_aborted(self, chip, twin):
        chip.start()
        chip.ask(bytes.fromhex("3205ffffff"))
        with pytest.raises(PartSilent):
            chip.targets()
        chip.abort()
        twin.present(UIDS[0])
        assert chip.start().ic == 0x32
        assert [t.uid for t in chip.targets()] == [UIDS[0]]

    def test_a_rate_that_a_crashed_program_left_is_brought_back(self, chip, twin):
        chip.start()
        chip.ask(bytes.fromhex("1007"))
        chip.abort()
        chip._port.flush()
        chip.close()
        again = Pn532(twin.port)
        assert again.start().version == 1
        assert again._port.baudrate == 115200
        assert twin._chip.baud == 115200
        assert again.targets() == []
        again.close()

    def test_the_port_is_opened_for_one_only(self, chip, twin):
        chip.start()
        with pytest.raises(PortError, match="check cable and path"):
            Pn532(twin.port)
        with pytest.raises(serial.SerialException):
            serial.Serial(twin.port, exclusive=True)

    def test_no_such_port(self, tmp_path):
        with pytest.raises(PortError, match="no-port"):
            Pn532(str(tmp_path / "no-port"))

    def test_an_unplugged_port_says_so(self, chip, twin):
        chip.start()
        twin.unplug()
        with pytest.raises(PortError, match="plug it in again"):
            chip.targets()

    def test_a_refused_command_is_not_tried_again(self, chip):
        chip.start()
        from_chip = chip.ask(LIST_106A)
        assert from_chip == b"\x4b\x00"
        with pytest.raises(Exception, match="refused command 99"):
            chip.ask(b"\x99")


class Type4:
    """Contents that answer by a function, and count what they were asked."""

    def __init__(self, answer=lambda data: data + b"\x90\0"):
        self._answer, self.heard, self.activated_again = answer, [], threading.Semaphore(0)

    def activated(self):
        self.activated_again.release()

    def exchange(self, data):
        self.heard.append(data)
        return self._answer(data)


def type4(contents, uid="04010203040506"):
    return Card(bytes.fromhex(uid), 0x0344, 0x20, bytes.fromhex("067577810280"), contents)


class TestExchange:
    def test_an_apdu_and_its_answer(self, chip, twin):
        chip.start()
        twin.present(type4(Type4()))
        (target,) = chip.targets()
        assert target.ats == "067577810280"
        assert chip.exchange(target.number, b"\x90\x71") == b"\x90\x71\x90\0"

    @pytest.mark.parametrize("length", [0, 1, 252, 253, 261, 262, 263, 524, 525, 2000])
    def test_any_length_both_ways(self, chip, twin, length):
        chip.start()
        contents, sent = Type4(lambda data: data), bytes(n % 251 for n in range(length))
        twin.present(type4(contents))
        assert chip.exchange(chip.targets()[0].number, sent) == sent
        assert contents.heard == [sent]

    def test_two_cards_each_by_its_number(self, chip, twin):
        chip.start()
        twin.present(type4(Type4(lambda data: b"one"), "04000000000001"))
        twin.present(type4(Type4(lambda data: b"two"), "04000000000002"))
        said = {t.uid[-1]: chip.exchange(t.number, b"who") for t in chip.targets()}
        assert said == {"1": b"one", "2": b"two"}

    def test_a_card_that_is_gone(self, chip, twin):
        chip.start()
        twin.present(type4(Type4()))
        number = chip.targets()[0].number
        twin.remove()
        with pytest.raises(CardGone, match="hold the card"):
            chip.exchange(number, b"\x90")
        with pytest.raises(CardGone) as raised:
            chip.exchange(2, b"\x90")
        assert raised.value.status == 0x27

    def test_a_chip_that_cannot_says_so(self, chip, twin, monkeypatch):
        chip.start()
        monkeypatch.setitem(twin._chip._commands, 0x40, lambda data, now_s: b"\x0d")
        with pytest.raises(CardRefused, match="0d"):
            chip.exchange(1, b"\x90")

    def test_an_answer_without_end_is_not_heard_out(self, chip, twin, monkeypatch):
        chip.start()
        monkeypatch.setitem(twin._chip._commands, 0x40, lambda data, now_s: b"\x40" + bytes(262))
        monkeypatch.setattr(driver, "LONGEST_ANSWER", 600)
        assert len(chip.exchange(1, b"\x90")) == 3 * 262

    def test_a_command_to_a_card_is_never_sent_twice(self, chip, twin):
        """A counter or a session would have moved."""
        chip.start()

        def deafen(data):
            twin.mute()
            return data

        contents = Type4(deafen)
        twin.present(type4(contents))
        number = chip.targets()[0].number
        with pytest.raises(PartSilent, match="InDataExchange"):
            chip.exchange(number, b"\x90", timeout_s=0.1)
        twin.mute(False)
        assert chip.start().ic == 0x32
        assert contents.heard == [b"\x90"]


@pytest.fixture
def examined(twin, monkeypatch):
    """Starts a poller that examines each card by the function given; gives what it says."""
    monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
    said, readers = queue.Queue(), []

    def begin(examine):
        readers.append(NfcReader(twin.port, said.put, examine=examine))
        readers[0].start()
        assert next_of(said) == NfcStatus("ok", "PN532 1.6")
        return said

    yield begin
    readers[0].stop()
    assert not readers[0]._thread.is_alive()


class TestExamine:
    def test_what_it_makes_of_a_card_is_the_evidence(self, twin, examined):
        said = examined(lambda exchange, card: (card.uid, exchange(b"\x90")))
        twin.present(type4(Type4()))
        assert next_of(said).evidence == ("04010203040506", b"\x90\x90\0")

    def test_a_card_that_lies_there_is_examined_once_and_leaves_once(self, twin, examined):
        said, contents = examined(lambda exchange, card: exchange(b"\x90")), Type4()
        twin.present(type4(contents))
        assert what(next_of(said)) == (CardArrived, "04010203040506")
        for _ in range(5):
            assert contents.activated_again.acquire(timeout=WAIT_S)
        twin.remove()
        assert what(next_of(said)) == (CardLeft, "04010203040506")
        assert len(contents.heard) == 1

    def test_two_cards_at_once_are_both_told_of(self, twin, examined):
        said = examined(lambda exchange, card: exchange(b"who"))
        with twin._lock:
            twin._chip.cards = [
                type4(Type4(lambda data: b"one"), "04000000000001"),
                type4(Type4(lambda data: b"two"), "04000000000002"),
            ]
        told = {event.uid[-1]: event.evidence for event in (next_of(said), next_of(said))}
        assert told == {"1": b"one", "2": b"two"}

    def test_a_card_torn_away_gives_no_half_proof_and_comes_again_at_once(self, twin, examined):
        said = examined(lambda exchange, card: exchange(b"\x90") + exchange(b"\xaf"))
        shown = type4(Type4(lambda data: twin_removes(twin, data)))
        twin.present(shown)
        assert what(next_of(said)) == (CardTorn, "04010203040506")
        twin.present(type4(Type4(lambda data: data)))
        arrived = next_of(said)
        assert (what(arrived), arrived.evidence) == ((CardArrived, shown.uid.hex()), b"\x90\xaf")

    def test_one_torn_away_does_not_keep_the_other_from_arriving(self, twin, examined):
        said = examined(lambda exchange, card: exchange(b"who"))
        with twin._lock:
            twin._chip.cards = [
                type4(Type4(lambda data: None), "04000000000001"),
                type4(Type4(lambda data: b"two"), "04000000000002"),
            ]
        told = {what(next_of(said)) for _ in range(2)}
        assert told == {(CardTorn, "04000000000001"), (CardArrived, "04000000000002")}

    def test_a_card_that_never_answers_is_told_of_once_and_tried_again(self, twin, examined):
        said, tries = examined(lambda exchange, card: exchange(b"who")), threading.Semaphore(0)

        def answer(data):
            tries.release()

        twin.present(type4(Type4(answer)))
        assert what(next_of(said)) == (CardTorn, "04010203040506")
        for _ in range(4):
            assert tries.acquire(timeout=WAIT_S)
        assert said.empty()


class TestPoller:
    @pytest.mark.parametrize("uid", UIDS)
    def test_a_card_arrives_once_and_leaves_once(self, twin, heard, uid):
        twin.present(uid)
        arrived = next_of(heard)
        assert what(arrived) == (CardArrived, uid)
        twin.remove()
        left = next_of(heard)
        assert what(left) == (CardLeft, uid)
        assert 0 < arrived.up_ms <= left.up_ms
        twin.present(uid)
        assert what(next_of(heard)) == (CardArrived, uid)

    def test_a_second_card_beside_the_first(self, twin, heard):
        twin.present(UIDS[0])
        assert what(next_of(heard)) == (CardArrived, UIDS[0])
        twin.present(UIDS[1])
        assert what(next_of(heard)) == (CardArrived, UIDS[1])
        twin.remove(UIDS[0])
        assert what(next_of(heard)) == (CardLeft, UIDS[0])

    def test_silent_and_ok_again_and_the_card_is_noticed(self, twin, heard):
        twin.mute()
        assert what(next_of(heard)) == (NfcStatus, "silent")
        twin.present(UIDS[1])
        twin.mute(False)
        assert what(next_of(heard)) == (NfcStatus, "ok")
        assert what(next_of(heard)) == (CardArrived, UIDS[1])

    def test_unplugged_and_ok_again_at_the_same_path(self, twin, heard):
        twin.unplug()
        assert what(next_of(heard)) == (NfcStatus, "unplugged")
        twin.plug()
        assert what(next_of(heard)) == (NfcStatus, "ok")
        twin.present(UIDS[0])
        assert what(next_of(heard)) == (CardArrived, UIDS[0])

    def test_a_card_that_lay_there_over_a_loss_arrives_once(self, twin, heard):
        twin.present(UIDS[0])
        assert what(next_of(heard)) == (CardArrived, UIDS[0])
        twin.mute()
        assert what(next_of(heard)) == (NfcStatus, "silent")
        twin.mute(False)
        assert what(next_of(heard)) == (NfcStatus, "ok")
        twin.present(UIDS[1])
        assert what(next_of(heard)) == (CardArrived, UIDS[1])

    def test_noise_while_polling_invents_no_card_and_no_leaving(self, twin, heard):
        twin.present(UIDS[0])
        assert what(next_of(heard)) == (CardArrived, UIDS[0])
        for _ in range(200):
            twin.noise()
        twin.present(UIDS[1])
        assert what(next_of(heard)) == (CardArrived, UIDS[1])

    def test_without_a_port_it_waits_for_one(self, twin, monkeypatch):
        monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
        twin.unplug()
        said = queue.Queue()
        reader = NfcReader(twin._line.port, said.put)
        reader.start()
        assert what(next_of(said)) == (NfcStatus, "unplugged")
        twin.plug()
        assert what(next_of(said)) == (NfcStatus, "ok")
        reader.stop()

    def test_a_refusing_chip_is_silent_not_fatal(self, tmp_path, monkeypatch):
        """A line that answers every command with an error frame."""
        monkeypatch.setattr(poller, "LONGEST_WAIT_S", 0.2)
        line, said = SerialLine(tmp_path / "line"), queue.Queue()
        line.write(ERROR_FRAME)
        reader = NfcReader(line.port, said.put)
        reader.start()
        assert what(next_of(said)) == (NfcStatus, "silent")
        reader.stop()
        line.unplug()


class TestTwin:
    @pytest.mark.parametrize("uid", ["", "04", "04a1b2c3d4", "xyz", "04a1b2c3d4e5f6aa"])
    def test_no_such_card(self, twin, uid):
        with pytest.raises(NoSuchCard, match="hex digits"):
            twin.present(uid)

    def test_it_says_when_a_card_was_shown_and_taken(self, twin):
        assert 0 < twin.present(UIDS[0]) <= twin.remove()

    def test_a_card_is_in_the_field_once(self, twin):
        twin.present(UIDS[0])
        twin.present(UIDS[0])
        assert len(twin._chip.cards) == 1

    def test_stop_is_the_end_and_may_be_said_twice(self, bare_twin):
        port = bare_twin.port
        bare_twin.stop()
        bare_twin.stop()
        with pytest.raises(PortError):
            Pn532(port)

    def test_raw_bytes_at_its_port(self, bare_twin):
        with serial.Serial(bare_twin.port, 115200, timeout=5) as port:
            port.write(WAKE + build(HOST, b"\x02"))
            assert port.read(6 + 13).hex() == "0000ff00ff000000ff06fad50332010607e800"


class TestLibnfc:
    @pytest.mark.parametrize("uid", UIDS)
    def test_nfc_list_reads_the_card(self, bare_twin, nfc_list, uid):
        bare_twin.present(uid)
        env = dict(os.environ, LIBNFC_DEFAULT_DEVICE=f"pn532_uart:{bare_twin.port}")
        done = subprocess.run(
            [nfc_list, "-t", "1"], capture_output=True, text=True, env=env, check=True, timeout=60
        )
        said = {
            name: value.replace(" ", "")
            for name, value in re.findall(r"(ATQA|UID|SAK).*?: ([0-9a-f ]+)", done.stdout)
        }
        shown = card(uid)
        assert said["UID"] == uid
        assert said["ATQA"] == f"{shown.sens_res:04x}"
        assert said["SAK"] == f"{shown.sak:02x}"
