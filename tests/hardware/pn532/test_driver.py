"""The driver with the simulated chip over a real pseudo-terminal."""

import select

import pytest
import serial

from hardware.errors import CardGone, CardRefused, PartSilent, PortError
from hardware.pn532 import driver
from hardware.pn532.commands import LIST_106A, Firmware
from hardware.pn532.driver import Pn532
from hardware.pn532.twin import card

WAIT_S = 20
UIDS = ("deadbeef", "04a1b2c3d4e5f6", "00112233445566778899")


@pytest.fixture
def chip(twin):
    chip = Pn532(twin.port)
    yield chip
    chip.close()


class Stalled:
    """The clock of a process that is put aside as soon as it has sent a command, until the answer is there."""

    def __init__(self, port_fd):
        self._port_fd, self._looks = port_fd, 0

    def monotonic(self):
        self._looks += 1
        if self._looks == 2:
            assert select.select([self._port_fd], [], [], WAIT_S)[0]
        return self._looks * 100.0


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


class TestExchange:
    def test_an_apdu_and_its_answer(self, chip, twin, type4):
        chip.start()
        twin.present(type4())
        (target,) = chip.targets()
        assert target.ats == "067577810280"
        assert chip.exchange(target.number, b"\x90\x71") == b"\x90\x71\x90\0"

    @pytest.mark.parametrize("length", [0, 1, 252, 253, 261, 262, 263, 524, 525, 2000])
    def test_any_length_both_ways(self, chip, twin, type4, length):
        chip.start()
        card, sent = type4(lambda data: data), bytes(n % 251 for n in range(length))
        twin.present(card)
        assert chip.exchange(chip.targets()[0].number, sent) == sent
        assert card.contents.heard == [sent]

    def test_an_answer_that_waited_while_the_machine_was_busy_is_heard(
        self, chip, twin, type4, monkeypatch
    ):
        chip.start()
        twin.present(type4())
        (target,) = chip.targets()
        twin.glue()
        monkeypatch.setattr(driver, "time", Stalled(chip._port.fileno()))
        assert chip.exchange(target.number, b"\x90") == b"\x90\x90\0"

    def test_two_cards_each_by_its_number(self, chip, twin, type4):
        chip.start()
        twin.present(type4(lambda data: b"one", "04000000000001"))
        twin.present(type4(lambda data: b"two", "04000000000002"))
        said = {t.uid[-1]: chip.exchange(t.number, b"who") for t in chip.targets()}
        assert said == {"1": b"one", "2": b"two"}

    def test_a_card_that_is_gone(self, chip, twin, type4):
        chip.start()
        twin.present(type4())
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

    @pytest.mark.parametrize("fault", ["lose_answer", "lose_ack"])
    def test_a_command_to_a_card_is_never_sent_twice(self, chip, twin, type4, fault):
        """A counter or a session would have moved."""
        chip.start()
        card = type4()
        twin.present(card)
        number = chip.targets()[0].number
        twin.spoil(fault)
        with pytest.raises(PartSilent, match="InDataExchange"):
            chip.exchange(number, b"\x90", timeout_s=0.1)
        assert chip.start().ic == 0x32
        assert card.contents.heard == [b"\x90"]

    def test_a_stale_answer_ahead_of_the_ack_is_passed_over(self, chip, twin, type4):
        chip.start()
        twin.present(type4())
        number = chip.targets()[0].number
        assert chip.exchange(number, b"one") == b"one\x90\0"
        twin.spoil("early")
        assert chip.exchange(number, b"two") == b"two\x90\0"
