"""Contacts that bounce, and a button that must be meant."""

import pytest

from device.core.buttons import BOUNCE_MS, Buttons

HOLD_MS = 1_500


@pytest.fixture
def buttons():
    return Buttons()


def test_a_press_counts_once_through_its_bouncing(buttons):
    moves = [(True, 100), (False, 105), (True, 110), (False, 112), (True, 113)]
    assert [buttons.moved("ack", *move) for move in moves] == [True, False, False, False, False]


def test_a_second_press_counts_after_quiet(buttons):
    assert buttons.moved("ack", True, 100)
    assert not buttons.moved("ack", False, 300)
    assert not buttons.moved("ack", True, 300 + BOUNCE_MS - 1)
    assert not buttons.moved("ack", False, 500)
    assert buttons.moved("ack", True, 500 + BOUNCE_MS)


def test_two_buttons_do_not_disturb_each_other(buttons):
    assert buttons.moved("ack", True, 100)
    assert buttons.moved("sos", True, 101)


def test_held_long_enough_it_is_told_once(buttons):
    buttons.moved("sos", True, 1_000)
    assert not buttons.held("sos", HOLD_MS, 1_000 + HOLD_MS - 1)
    assert buttons.held("sos", HOLD_MS, 1_000 + HOLD_MS)
    assert not buttons.held("sos", HOLD_MS, 1_000 + 10 * HOLD_MS)


def test_two_lengths_of_one_press_are_told_apart(buttons):
    buttons.moved("ack", True, 0)
    assert buttons.held("ack", 1_000, 1_000)
    assert not buttons.held("ack", 3_000, 1_000)
    assert buttons.held("ack", 3_000, 3_000)


def test_let_go_too_early_it_was_not_meant(buttons):
    buttons.moved("sos", True, 1_000)
    buttons.moved("sos", False, 1_000 + HOLD_MS - 1)
    assert not buttons.held("sos", HOLD_MS, 1_000 + HOLD_MS)
    assert not buttons.held("ack", HOLD_MS, 1_000 + HOLD_MS)


def test_let_go_just_after_it_was_meant_even_if_asked_late(buttons):
    buttons.moved("sos", True, 1_000)
    buttons.moved("sos", False, 1_000 + HOLD_MS)
    assert buttons.held("sos", HOLD_MS, 1_000 + HOLD_MS + BOUNCE_MS - 1)


def test_a_contact_that_flickers_while_it_is_held_does_not_begin_anew(buttons):
    buttons.moved("sos", True, 1_000)
    for at_ms in range(1_100, 2_400, 100):
        buttons.moved("sos", False, at_ms)
        buttons.moved("sos", True, at_ms + BOUNCE_MS - 1)
    assert buttons.held("sos", HOLD_MS, 1_000 + HOLD_MS)


def test_pressed_again_it_can_be_told_again(buttons):
    buttons.moved("sos", True, 0)
    assert buttons.held("sos", HOLD_MS, HOLD_MS)
    buttons.moved("sos", False, 3_000)
    buttons.moved("sos", True, 4_000)
    assert buttons.held("sos", HOLD_MS, 4_000 + HOLD_MS)
