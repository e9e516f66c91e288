"""Contacts that bounce, and a button that must be meant."""

import pytest

from device.core.buttons import BOUNCE_MS, SOS_HOLD_MS, Buttons


@pytest.fixture
def buttons():
    return Buttons()


def test_a_press_counts_once_through_its_bouncing(buttons):
    moves = [(True, 100), (False, 105), (True, 110), (False, 112), (True, 113)]
    assert [buttons.moved("ack", *move) for move in moves] == ["ack", None, None, None, None]


def test_a_second_press_counts_after_quiet(buttons):
    assert buttons.moved("ack", True, 100) == "ack"
    assert buttons.moved("ack", False, 300) is None
    assert buttons.moved("ack", True, 300 + BOUNCE_MS - 1) is None
    assert buttons.moved("ack", False, 500) is None
    assert buttons.moved("ack", True, 500 + BOUNCE_MS) == "ack"


def test_two_buttons_do_not_disturb_each_other(buttons):
    assert buttons.moved("ack", True, 100) == "ack"
    assert buttons.moved("sos", True, 101) == "sos"


def test_held_long_enough_it_is_told_once(buttons):
    buttons.moved("sos", True, 1_000)
    assert not buttons.held("sos", 1_000 + SOS_HOLD_MS - 1)
    assert buttons.held("sos", 1_000 + SOS_HOLD_MS)
    assert not buttons.held("sos", 1_000 + 10 * SOS_HOLD_MS)


def test_let_go_too_early_it_was_not_meant(buttons):
    buttons.moved("sos", True, 1_000)
    buttons.moved("sos", False, 1_000 + SOS_HOLD_MS - 1)
    assert not buttons.held("sos", 1_000 + SOS_HOLD_MS)
    assert not buttons.held("ack", 1_000 + SOS_HOLD_MS)


def test_pressed_again_it_can_be_told_again(buttons):
    buttons.moved("sos", True, 0)
    assert buttons.held("sos", SOS_HOLD_MS)
    buttons.moved("sos", False, 3_000)
    buttons.moved("sos", True, 4_000)
    assert buttons.held("sos", 4_000 + SOS_HOLD_MS)
