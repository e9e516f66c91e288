"""The simulated chip against what real ones were logged to say, and against the manual."""

import msgspec
import pytest

from hardware.pn532.chip import ACK_S, ANSWER_S, TRY_S, Card, Chip
from hardware.pn532.field import frame_waiting_s
from hardware.pn532.frame import ACK, CHIP, ERROR_FRAME, HOST, NAK, WAKE, FrameReader, build

ULTRALIGHT = Card(bytes.fromhex("04a1b2c3d4e5f6"))
CLASSIC = Card(bytes.fromhex("deadbeef"), 0x0004, 0x08)
DESFIRE = Card(bytes.fromhex("04010203040506"), 0x0344, 0x20, bytes.fromhex("067577810280"))
SAM = bytes.fromhex("14010001")
FEW = bytes.fromhex("3205ff0102")


class Host:
    """Talks to a chip, with a clock of its own."""

    def __init__(self, awake=True):
        self.chip, self.now_s, self.baud = Chip(), 100.0, 115200
        if awake:
            self.raw(WAKE + build(HOST, SAM))

    def send(self, wire):
        self.chip.feed(wire, self.baud, self.now_s)

    def wait(self, most_s=1.0):
        """All that the chip says within `most_s`."""
        said, end_s = b"", self.now_s + most_s
        while (next_s := self.chip.next_s()) is not None and next_s <= end_s:
            self.now_s = max(self.now_s, next_s)
            said += self.chip.due(self.now_s)
        self.now_s = end_s
        return said

    def raw(self, wire, most_s=1.0):
        self.send(wire)
        return self.wait(most_s)

    def ask(self, command):
        """The answer's bytes after TFI, None where only the ACK came."""
        frames = FrameReader().feed(self.raw(build(HOST, bytes.fromhex(command))))
        assert frames[0].what == "ack"
        return frames[1].data.hex() if len(frames) > 1 else None


@pytest.fixture
def host():
    return Host()


class TestLogged:
    def test_the_logged_start_of_a_real_chip(self, logged):
        """Log A: firmware, SAMConfiguration and a raised rate, byte for byte."""
        host, said = Host(awake=False), b""
        for way, wire in logged[:10]:
            if way == ">":
                assert said == b""
                said = host.raw(wire)
            else:
                assert said.startswith(wire)
                said = said[len(wire) :]
        assert logged[9] == (">", ACK)
        assert host.chip.baud == 921600

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("0000ff02fed4022a00", "0000ff06fad50332010607e800"),
            ("0000ff05fbd4140100001700", "0000ff02fed5151600"),
            ("0000ff05fbd4140100011600", "0000ff02fed5151600"),
            ("0000ff03fdd410071500", "0000ff02fed5111a00"),
            ("0000ff06fad432020a0b07dc00", "0000ff02fed533f800"),
            ("0000ff03fdd44400e800", "0000ff03fdd54500e600"),
        ],
    )
    def test_each_logged_answer_byte_for_byte(self, host, logged, command, answer):
        wires = [wire for _, wire in logged]
        assert any(bytes.fromhex(command) in wire for wire in wires)
        assert any(bytes.fromhex(answer) in wire for wire in wires)
        assert host.raw(bytes.fromhex(command)) == ACK + bytes.fromhex(answer)

    def test_no_card_as_logged(self, host):
        host.ask(FEW.hex())
        wire = bytes.fromhex("0000ff04fcd44a0100e100")
        assert host.raw(wire) == ACK + bytes.fromhex("0000ff03fdd54b00e000")

    def test_the_timing_of_the_log(self, host):
        host.send(build(HOST, b"\x02"))
        begin_s = host.now_s
        assert host.chip.due(begin_s + ACK_S - 0.0001) == b""
        assert host.chip.due(begin_s + ACK_S) == ACK
        assert host.chip.due(begin_s + ACK_S + ANSWER_S)[:6] == build(CHIP, b"\x03    ")[:6]


class TestWaking:
    def test_asleep_it_loses_the_first_bytes(self):
        host = Host(awake=False)
        assert host.raw(build(HOST, b"\x02")) == b""

    def test_the_wake_up_and_the_first_command_may_come_together(self):
        host = Host(awake=False)
        assert host.raw(WAKE + build(HOST, SAM)) == ACK + build(CHIP, b"\x15")

    def test_byte_by_byte(self):
        host = Host(awake=False)
        for byte in WAKE + build(HOST, SAM):
            host.send(bytes((byte,)))
        assert host.wait() == ACK + build(CHIP, b"\x15")

    def test_power_down_sends_it_to_sleep(self, host):
        assert host.ask("1600") == "1700"
        assert host.raw(build(HOST, b"\x02")) == b""
        assert host.raw(WAKE + build(HOST, b"\x02")).startswith(ACK)

    def test_without_sam_configuration_it_finds_no_card(self):
        host = Host(awake=False)
        host.chip.cards = [ULTRALIGHT]
        host.send(WAKE)
        assert host.ask("4a0100") is None


class TestCards:
    @pytest.mark.parametrize(
        ("card", "told"),
        [
            (ULTRALIGHT, "4b01010044000704a1b2c3d4e5f6"),
            (CLASSIC, "4b010100040804deadbeef"),
            (DESFIRE, "4b01010344200704010203040506067577810280"),
            (Card(bytes(range(10)), 0x0084), "4b01010084000a00010203040506070809"),
        ],
    )
    def test_a_card_is_told_as_the_manual_has_it(self, host, card, told):
        host.chip.cards = [card]
        assert host.ask("4a0100") == told

    def test_two_cards_and_at_most_as_many_as_asked_for(self, host):
        host.chip.cards = [ULTRALIGHT, CLASSIC]
        assert host.ask("4a0200")[:4] == "4b02"
        assert host.ask("4a0100")[:4] == "4b01"

    def test_without_automatic_rats_there_is_no_ats(self, host):
        host.chip.cards = [DESFIRE]
        assert host.ask("120400"[:4]) == "13"
        assert host.ask("4a0100").endswith("04010203040506")

    def test_by_uid(self, host):
        host.chip.cards = [ULTRALIGHT, CLASSIC]
        assert host.ask("4a0100deadbeef").endswith("deadbeef")

    def test_it_searches_for_ever_until_a_card_comes(self, host):
        assert host.ask("4a0100") is None
        assert host.wait(60) == b""
        host.chip.cards = [CLASSIC]
        assert FrameReader().feed(host.wait())[0].data[:2] == b"\x4b\x01"

    def test_few_retries_bound_it(self, host):
        host.ask(FEW.hex())
        begin_s = host.now_s
        host.send(build(HOST, bytes.fromhex("4a0200")))
        while host.chip.next_s() is not None:
            host.now_s = host.chip.next_s()
            host.chip.due(host.now_s)
        assert host.now_s - begin_s == pytest.approx(ACK_S + 3 * TRY_S + ANSWER_S)

    def test_the_hosts_ack_ends_a_search(self, host):
        assert host.ask("4a0100") is None
        assert host.raw(ACK) == b""
        host.chip.cards = [CLASSIC]
        assert host.wait() == b""
        assert host.ask("02") == "0332010607"

    def test_other_kinds_of_cards_are_never_in_the_field(self, host):
        host.chip.cards = [CLASSIC]
        for kind in ("01", "02", "03", "04"):
            assert host.ask("4a01" + kind) == "4b00"

    def test_exchange_and_release(self, host):
        host.chip.cards = [CLASSIC]
        assert host.ask("4001") == "4127"
        host.ask("4a0100")
        assert host.ask("4001") == "4101"
        assert host.ask("5400"[:2] + "01") == "5500"
        assert host.ask("4402") == "4527"
        assert host.ask("4400") == "4500"
        assert host.ask("5200") == "5300"
        assert host.ask("4001") == "4127"


class Echo:
    """A card's contents that give back what they get, or the answer they were told to give."""

    def __init__(self, answer=None):
        self.answer, self.heard, self.activations = answer, [], 0

    def activated(self):
        self.activations += 1

    def exchange(self, data):
        self.heard.append(data)
        return None if data == b"hush" else self.answer or data


@pytest.fixture
def echo(host):
    """A listed card with contents."""
    contents = Echo()
    host.chip.cards = [msgspec.structs.replace(DESFIRE, contents=contents)]
    assert host.ask("4a0100").startswith("4b01")
    return contents


class TestExchange:
    def test_goes_to_the_card_and_back(self, host, echo):
        assert host.ask("4001a1a2a3") == "4100a1a2a3"
        assert echo.heard == [b"\xa1\xa2\xa3"]
        assert echo.activations == 1

    def test_through_the_raw_way_too(self, host, echo):
        del echo
        assert host.ask("4202a1a2a3") == "430002a1a2a3"

    def test_a_command_in_pieces(self, host, echo):
        assert host.ask("4041" + "a1" * 262) == "4100"
        assert host.ask("4001a2") == "4140" + "a1" * 262
        assert host.ask("4001") == "4100a2"
        assert echo.heard == [b"\xa1" * 262 + b"\xa2"]

    def test_an_answer_of_just_one_frame(self, host, echo):
        echo.answer = bytes(262)
        assert host.ask("4001a0") == "4100" + "00" * 262

    def test_a_card_that_says_nothing_is_waited_for_as_its_ats_has_it(self, host, echo):
        del echo
        begin_s = host.now_s
        host.send(build(HOST, b"\x40\x01hush"))
        while host.chip.next_s() is not None:
            host.now_s = host.chip.next_s()
            said = host.chip.due(host.now_s)
        assert FrameReader().feed(said)[0].data == b"\x41\x01"
        assert 0.077 < host.now_s - begin_s < 0.085

    def test_a_card_torn_away_before_it_is_a_time_out(self, host, echo):
        host.chip.cards = []
        assert host.ask("4001a1") == "4101"
        assert echo.heard == []

    def test_a_card_torn_away_in_mid_exchange_is_a_time_out(self, host, echo):
        host.send(build(HOST, b"\x40\x01\xa1"))
        host.chip.cards = []
        assert FrameReader().feed(host.wait())[-1].data == b"\x41\x01"
        assert echo.heard == [b"\xa1"]

    def test_a_card_put_back_has_forgotten_that_it_was_listed(self, host, echo):
        host.send(build(HOST, b"\x40\x01\xa1"))
        cards, host.chip.cards = host.chip.cards, []
        host.chip.cards = cards
        assert FrameReader().feed(host.wait())[-1].data == b"\x41\x01"
        assert host.ask("4001a1") == "4101"
        assert host.ask("4a0100").startswith("4b01")
        assert host.ask("4001a1") == "4100a1"
        assert echo.activations == 2

    def test_two_cards_each_by_its_number(self, host):
        one, two = Echo(b"one"), Echo(b"two")
        host.chip.cards = [
            msgspec.structs.replace(ULTRALIGHT, contents=one),
            msgspec.structs.replace(DESFIRE, contents=two),
        ]
        assert host.ask("4a0200").startswith("4b02")
        assert host.ask("400200") == "4100" + b"two".hex()
        assert host.ask("400100") == "4100" + b"one".hex()
        assert host.ask("400300") == "4127"

    def test_the_hosts_ack_ends_it(self, host, echo):
        del echo
        host.send(build(HOST, b"\x40\x01hush"))
        assert host.raw(ACK) == b""


class TestField:
    def test_a_plain_card_that_lies_there_is_missed_by_every_second_try(self, host):
        """Adafruit-PN532 52 and esphome 9875."""
        host.ask("3205ff0100")
        host.chip.cards = [CLASSIC]
        assert [host.ask("4a0100")[:4] for _ in range(4)] == ["4b01", "4b00", "4b01", "4b00"]

    def test_one_that_speaks_14443_4_is_missed_until_the_field_goes_off(self, host):
        host.ask(FEW.hex())
        host.chip.cards = [DESFIRE]
        assert [host.ask("4a0100")[:4] for _ in range(3)] == ["4b01", "4b00", "4b00"]
        assert host.ask("320100") == "33"
        assert host.ask("4a0100")[:4] == "4b01"

    def test_a_deselected_card_sleeps(self, host):
        host.ask(FEW.hex())
        host.chip.cards = [CLASSIC]
        assert host.ask("4a0100")[:4] == "4b01"
        assert host.ask("4401") == "4500"
        assert [host.ask("4a0100")[:4] for _ in range(2)] == ["4b00", "4b00"]

    @pytest.mark.parametrize(
        ("ats", "fwi"),
        [("", 4), ("0175", 4), ("067577810280", 8), ("0560e00200", 14), ("0378a0", 4), ("0230", 4)],
    )
    def test_how_long_a_card_may_take(self, ats, fwi):
        assert frame_waiting_s(bytes.fromhex(ats)) == pytest.approx(302.06e-6 * 2**fwi, rel=1e-3)


class TestRates:
    def test_the_new_rate_holds_from_the_hosts_ack_on(self, host):
        assert host.ask("1008") == "11"
        assert host.chip.baud == 115200
        host.send(ACK)
        assert host.chip.baud == 1288000

    def test_at_another_rate_it_hears_nothing(self, host):
        host.baud = 921600
        assert host.raw(build(HOST, b"\x02")) == b""
        host.baud = 115200
        assert host.ask("02") == "0332010607"


class TestErrors:
    def test_an_unknown_command_is_an_error_frame(self, host):
        assert host.raw(build(HOST, b"\x99")) == ACK + ERROR_FRAME

    @pytest.mark.parametrize(
        "command", ["10", "12", "14", "32", "3205", "4a", "4a01", "1099", "54"]
    )
    def test_missing_or_wrong_parameters_too(self, host, command):
        assert host.raw(build(HOST, bytes.fromhex(command))) == ACK + ERROR_FRAME

    def test_a_nak_asks_for_the_last_answer_again(self, host):
        answer = host.raw(build(HOST, b"\x02"))[len(ACK) :]
        assert host.raw(NAK) == answer

    def test_noise_and_its_own_echo_are_nothing(self, host):
        assert host.raw(b"\x17" * 50 + build(CHIP, b"\x03")) == b""
        assert host.ask("02") == "0332010607"
