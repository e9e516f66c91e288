"""The chip's answers read, by the manual's examples and cut short anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.pn532.commands import (
    FEW_RETRIES,
    GET_FIRMWARE,
    LIST_106A,
    NAMES,
    SAM_NORMAL,
    BadAnswer,
    Firmware,
    Target,
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


def test_an_ats_is_passed_over():
    found = targets(b"\x4b\x02" + DESFIRE + CLASSIC)
    assert [t.uid for t in found] == ["04010203040506", "deadbeef"]


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


def test_every_command_has_a_name_for_its_error():
    assert {c[0] for c in (GET_FIRMWARE, SAM_NORMAL, FEW_RETRIES, LIST_106A)} == set(NAMES)
