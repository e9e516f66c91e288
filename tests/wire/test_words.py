"""Two languages for people: chosen by the reader's surroundings."""

import pytest

from wire.words import Fault, Words, clipped, language_of, printable, width


def test_says_it_in_the_language_asked_for():
    words = Words("磁盘已满", "the disk is full")
    assert words.say("zh") == "磁盘已满"
    assert words.say("en") == "the disk is full"


def test_a_fault_logs_in_english_and_keeps_both():
    fault = Fault("磁盘已满", "the disk is full")
    assert str(fault) == "the disk is full"
    assert fault.words == Words("磁盘已满", "the disk is full")


@pytest.mark.parametrize(
    ("env", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "ZH_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LC_MESSAGES": "en_GB.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LC_ALL": "zh_CN.UTF-8", "XUNKONG_LANG": "en"}, "en"),
        ({"LC_ALL": "en_GB.UTF-8", "XUNKONG_LANG": "zh"}, "zh"),
        ({"LANGUAGE": "zh_CN"}, "en"),
    ],
)
def test_the_nearest_variable_that_is_set_decides(env, language):
    assert language_of(env) == language


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("东门　east é", "东门　east é"),
        ("\x1b[2J\x1b]0;t\x07", "\ufffd[2J\ufffd]0;t\ufffd"),
        ("a\nb\tc\x7f\x9b\u202e", "a\ufffdb\ufffdc\ufffd\ufffd\ufffd"),
    ],
)
def test_a_terminal_obeys_nothing_that_is_shown(text, shown):
    assert printable(text) == shown


def test_a_chinese_character_takes_two_columns():
    assert (width("巡控a"), width("e\u0301"), width("")) == (5, 1, 0)


@pytest.mark.parametrize(("columns", "left"), [(4, "巡控"), (3, "巡"), (1, "")])
def test_no_character_is_cut_in_half(columns, left):
    assert clipped("巡控", columns) == left


def test_nothing_moves_the_cursor():
    assert clipped("a\x1b[2Jb\n", 80) == "a·[2Jb·"
