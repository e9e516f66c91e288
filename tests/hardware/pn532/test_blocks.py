"""A card's side of ISO/IEC 14443-4, block by block."""

import pytest

from hardware.pn532.blocks import Blocks

ATS = bytes.fromhex("067577810280")


def echo(command):
    return None if command == b"hush" else command


@pytest.fixture
def card():
    return Blocks(ATS, echo, opened=True)


def hear(card, *frames):
    """What the card answers to each frame, in hex; None for nothing."""
    said = [card.hear(bytes.fromhex(frame)) for frame in frames]
    return [None if answer is None else answer.hex() for answer in said]


def test_it_hears_nothing_but_rats_before_its_session():
    card = Blocks(ATS, echo, opened=False)
    assert hear(card, "", "02a1", "e0", "e080", "02a1") == [None, None, None, ATS.hex(), "02a1"]


def test_block_numbers_take_turns(card):
    assert hear(card, "02a1", "03a2", "02a3") == ["02a1", "03a2", "02a3"]


def test_a_command_in_pieces(card):
    assert hear(card, "12a1", "13a2", "02a3") == ["a2", "a3", "02a1a2a3"]


def test_an_answer_in_pieces():
    card = Blocks(ATS, lambda command: bytes(range(20)), opened=False)
    hear(card, "e000")
    said = hear(card, "02a1", "a3")
    assert said == ["12" + bytes(range(13)).hex(), "03" + bytes(range(13, 20)).hex()]


def test_a_lost_answer_is_said_again(card):
    assert hear(card, "02a1", "b2", "b2") == ["02a1"] * 3


def test_a_lost_piece_is_said_again():
    card = Blocks(ATS, lambda command: bytes(20), opened=False)
    hear(card, "e000")
    assert hear(card, "02a1", "a2", "a3") == ["12" + "00" * 13] * 2 + ["03" + "00" * 7]


def test_whether_it_is_there(card):
    assert hear(card, "b2") == ["a3"]


def test_deselected_it_hears_nothing_but_rats(card):
    assert hear(card, "c2", "02a1", "e080") == ["c2", None, ATS.hex()]


def test_what_its_contents_do_not_answer_is_not_answered(card):
    assert hear(card, "02" + b"hush".hex()) == [None]


@pytest.mark.parametrize("frame", ["0aa1", "30", "d0", "f201"])
def test_what_it_does_not_play_is_not_answered(card, frame):
    assert hear(card, frame) == [None]
