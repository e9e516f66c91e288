"""The chip's answers read, by the manual's examples and cut short anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import CardGone, CardRefused
from hardware.pn532.commands import (
    AUTOMATIC_RATS,
    DATA_EXCHANGE,
    FEW_RETRIES,
    FIELD_OFF,
    GET_FIRMWARE,
    GONE,
    LIST_106A,
    NAMES,
    SAM_NORMAL,
    BadAnswer,
    Firmware,
    Target,
    exchanged,
    firmware,
    targets,
)

ULTRALIGHT = bytes.fromhex("010044000704a1b2c3d4e5f6")
CLASSIC = bytes.fromhex("0200040804deadbeef")
DESFIRE = bytes.fromhex("010344200704010203040506067577810280")


def test_firmware():
    assert firmware(bytes.fromhex("0332010607")) == Firmware(0x32, 1, 6, 7)


@pytest.mark.parametrize("answer", ["", "03", "03320106", "033201060700", "0532010607"])
def test_firmware_of_another_form(answer):
    with pytest.raises(BadAnswer, match="GetFirmwareVersion"):
        firmware(bytes.fromhex(answer))


def test_no_target():
    assert targets(b"\x4b\x00") == []


def test_one_and_two_targets():
    assert targets(b"\x4b\x01" + ULTRALIGHT) == [Target(1, 0x0044, 0x00, "04a1b2c3d4e5f6")]
    found = targets(b"\x4b\x02" + ULTRALIGHT + CLASSIC)
    assert [t.uid for t in found] == ["04a1b2c3d4e5f6", "deadbeef"]
    assert (found[1].number, found[1].sens_res, found[1].sak) == (2, 0x0004, 0x08)


def test_an_ats_is_told():
    found = targets(b"\x4b\x02" + DESFIRE + CLASSIC)
    assert [t.uid for t in found] == ["04010203040506", "deadbeef"]
    assert [t.ats for t in found] == ["067577810280", ""]


def test_a_uid_of_ten_bytes():
    uid = bytes(range(10))
    assert targets(b"\x4b\x01\x01\x00\x84\x00\x0a" + uid)[0].uid == uid.hex()


@pytest.mark.parametrize("answer", [b"", b"\x4b", b"\x4a\x00", b"\x4b\x03", b"\x4b\x01"])
def test_targets_of_another_form(answer):
    with pytest.raises(BadAnswer, match="InListPassiveTarget"):
        targets(answer)


@pytest.mark.parametrize("length", [0, 1, 5, 8, 11])
def test_a_uid_of_a_length_that_no_card_has(length):
    with pytest.raises(BadAnswer, match=f"a UID of {length} bytes"):
        targets(bytes((0x4B, 1, 1, 0, 0x44, 0, length)) + bytes(length))


def test_cut_short_anywhere_it_is_refused():
    whole = b"\x4b\x02" + ULTRALIGHT + CLASSIC
    for cut in range(len(whole)):
        with pytest.raises(BadAnswer):
            targets(whole[:cut])


@given(st.binary(max_size=60))
def test_hostile_answers_give_targets_or_one_kind_of_error(tail):
    try:
        found = targets(b"\x4b" + tail)
    except BadAnswer:
        return
    assert len(found) == tail[0]
    assert all(len(t.uid) in (8, 14, 20) for t in found)


class TestExchanged:
    @pytest.mark.parametrize(
        ("answer", "told"),
        [("4100", (b"", False)), ("41009000", (b"\x90\0", False)), ("4140ab", (b"\xab", True))],
    )
    def test_data_and_whether_more_follows(self, answer, told):
        assert exchanged(bytes.fromhex(answer)) == told

    @pytest.mark.parametrize("status", sorted(GONE))
    def test_a_card_that_is_away_or_at_the_edge(self, status):
        for flags in (0x00, 0x40, 0x80):
            with pytest.raises(CardGone, match="hold the card") as raised:
                exchanged(bytes((0x41, status | flags)))
            assert raised.value.status == status

    @pytest.mark.parametrize("status", [0x07, 0x0D, 0x10, 0x14, 0x26, 0x3F])
    def test_every_other_status_is_a_refusal(self, status):
        with pytest.raises(CardRefused, match=f"{status:02x}.*another card") as raised:
            exchanged(bytes((0x41, status)) + b"data")
        assert raised.value.status == status

    @pytest.mark.parametrize("answer", ["", "41", "4300", "4001"])
    def test_of_another_form(self, answer):
        with pytest.raises(BadAnswer, match="InDataExchange"):
            exchanged(bytes.fromhex(answer))


def test_every_command_has_a_name_for_its_error():
    asked = (GET_FIRMWARE, AUTOMATIC_RATS, SAM_NORMAL, FEW_RETRIES, FIELD_OFF, LIST_106A)
    assert {command[0] for command in asked} | {DATA_EXCHANGE} == set(NAMES)
