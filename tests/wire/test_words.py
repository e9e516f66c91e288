"""Two languages for people: chosen by the reader's surroundings."""

import pytest

from wire.words import Fault, Words, language_of, printable


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
